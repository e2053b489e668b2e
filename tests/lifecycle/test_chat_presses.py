"""A button makes one job: an upscale once for all, the others one at a time for each person."""

import pytest

from producer.submit import Submitted
from schemas.chat import Verb
from schemas.chat_errors import ChatPressedError
from schemas.ids import format_id
from schemas.job_states import JobState
from tests.fixtures.cancelling import cancel
from tests.fixtures.chat_openings import at_once, button, counts, make, opening, said
from tests.fixtures.harness import Harness


def end(genq: Harness, submitted: Submitted, state: JobState) -> None:
    """End a job in a way that the harness does not bring about by itself."""
    genq.run_until_idle()
    genq.sql(
        "UPDATE job SET final_state = :s WHERE id = :id", s=int(state), id=submitted.job.id
    )


@pytest.mark.parametrize("verb", [Verb.UPSCALE, Verb.VARY, Verb.REROLL])
def test_a_double_click_makes_one_job_and_leads_to_it(genq: Harness, verb: Verb) -> None:
    parent = make(genq, opening())
    key = button(parent, verb, 2)

    made = at_once(genq, *(opening(said(n), press=key) for n in ("a", "b")))

    (job,) = [one for one in made if isinstance(one, Submitted)]
    (refused,) = [one for one in made if isinstance(one, ChatPressedError)]
    assert (refused.next_job_id, refused.verb, refused.index) == (job.job.id, verb, 2)
    assert not refused.finished
    assert counts(genq) == [2, 1, 2, 2, 2, 2]


def test_a_button_may_be_pressed_again_as_its_rule_says(genq: Harness) -> None:
    rules = [
        # What it is, how its first job ended; whether the same user may again, and another.
        (Verb.UPSCALE, None, False, False),
        (Verb.UPSCALE, JobState.SUCCEEDED, False, False),
        (Verb.UPSCALE, JobState.FAILED, True, True),
        (Verb.UPSCALE, JobState.CANCELLED, True, True),
        (Verb.VARY, None, False, True),
        (Verb.VARY, JobState.SUCCEEDED, True, True),
        (Verb.REROLL, None, False, True),
        (Verb.REROLL, JobState.DEAD, True, True),
    ]
    parent = make(genq, opening(said("parent")))
    for number, (verb, state, again, by_another) in enumerate(rules):
        for user, allowed in (("8", by_another), ("7", again)):
            key = button(parent, verb, number)
            name = f"{number} {user}"
            pressed = make(genq, opening(said(f"{name} first"), press=key))
            if state is not None:
                end(genq, pressed, state)

            [then] = at_once(genq, opening(said(f"{name} then", user=user), press=key))

            assert isinstance(then, Submitted if allowed else ChatPressedError), name
            if isinstance(then, ChatPressedError):
                assert then.next_job_id == pressed.job.id
                assert then.finished is (state is JobState.SUCCEEDED)
            genq.run_until_idle()
            genq.sql("DELETE FROM chat_press")


def test_other_buttons_are_other_keys(genq: Harness) -> None:
    parent = make(genq, opening())
    for n, (verb, index) in enumerate(
        [(Verb.UPSCALE, 1), (Verb.UPSCALE, 2), (Verb.VARY, 1), (Verb.REROLL, 0)]
    ):
        make(genq, opening(said(f"k{n}"), press=button(parent, verb, index)))

    assert counts(genq)[1] == 4


def test_a_cancelled_upscale_frees_its_button(genq: Harness) -> None:
    parent = make(genq, opening())
    key = button(parent, Verb.UPSCALE, 1)
    pressed = make(genq, opening(said("a"), press=key))
    cancel(genq, format_id("job", pressed.job.id))

    make(genq, opening(said("b"), press=key))
