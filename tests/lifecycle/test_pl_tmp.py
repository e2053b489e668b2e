import time, statistics
from dataclasses import replace
from datetime import timedelta
import infra.postgres.start as st
from infra.postgres.hot import HotStatement
from infra.postgres.finish import finish_jobs
from infra.endings import ending_of
from schemas.job_states import JobState, AttemptOutcome
import pytest
from tests.fixtures.harness import genq as genq  # noqa

NEW=st._START
sql=NEW.__dict__ if hasattr(NEW,'__dict__') else {}
import inspect
src=inspect.getsource(st)
a=src.index('_START: Final = HotStatement("""')+len('_START: Final = HotStatement("""'); b=src.index('""")',a)
new_sql=src[a:b]
old_sql=new_sql.replace(""",
  (SELECT t.safety_level FROM tenant t WHERE t.id = u.tenant_id) AS safety_level""","")
assert old_sql!=new_sql
OLD=HotStatement(old_sql)

def test_start(genq):
    for n in range(1200): genq.submit(f"kite {n}")
    genq.new_worker(slots=5000)
    pts=[]
    while True:
        t=genq.turn(); 
        if not t.more and not genq.sent: break
        pts+=list(genq.sent); genq.sent.clear()
        if len(pts)>=1200 or not t.more: break
    print("pointers",len(pts))
    times={"old":[], "new":[]}
    fin={"null":[], "checks":[]}
    chk='{"prompt":{"verdict":"allow","categories":{"violence":0.1},"coverage":"full","policy":"9b4ff175f3fc"},"output":{"verdict":"allow","categories":{},"coverage":"full","policy":"9b4ff175f3fc"}}'
    for i in range(0,len(pts)-49,50):
        which="old" if (i//50)%2 else "new"
        st._START= OLD if which=="old" else NEW
        group=pts[i:i+50]
        t0=time.perf_counter()
        claims=genq.in_transaction(lambda c: st.start_attempts(c, genq.session.id, group))
        times[which].append(time.perf_counter()-t0)
        ends=[ending_of(c,state=JobState.SUCCEEDED,outcome=AttemptOutcome.OK,finished_at=c.started_at+timedelta(seconds=1),public_url="http://q",result={"text":"x"*200}) for c in claims.values()]
        w="checks" if (i//100)%2 else "null"
        if w=="checks": ends=[replace(e,checks=chk) for e in ends]
        t0=time.perf_counter(); genq.in_transaction(lambda c: finish_jobs(c,ends)); fin[w].append(time.perf_counter()-t0)
    st._START=NEW
    for d in (times,fin):
        print({k:(len(v),round(statistics.median(v)*1e3,2),round(min(v)*1e3,2)) for k,v in d.items()},"ms per 50")
