"""The dispatcher: releases ready jobs to the lanes, fairly and within limits."""
