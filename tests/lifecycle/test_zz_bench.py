import asyncio, time, sys, subprocess, os, cProfile, pstats, logging
from datetime import timedelta
import uvloop, structlog, aiohttp
from tests.fixtures.deliveries import open_deliveries
from infra.telemetry.logging import configure_logging
FILL="""
WITH e AS (SELECT id, tenant_id, url, origin, row_number() OVER () AS k FROM webhook_endpoint),
j AS MATERIALIZED (SELECT uuidv7() AS job_id, uuidv7() AS event_id, uuidv7() AS id, e.* FROM generate_series(1,:per) n, (SELECT id AS endpoint_id, tenant_id, url, origin FROM e) e),
o AS (INSERT INTO outbox (job_id,id,kind,type,body,tenant_id) SELECT job_id,event_id,1,'job.succeeded',convert_to('{"id":"x","data":"'||repeat('a',600)||'"}','UTF8'),tenant_id FROM j)
INSERT INTO delivery (id,event_id,job_id,tenant_id,url,origin,endpoint_id,seq) SELECT id,event_id,job_id,tenant_id,url,origin,endpoint_id,1999 FROM j
"""
WAKE="""INSERT INTO webhook_lane (id,tenant_id,endpoint_id,origin,next_due_at) SELECT DISTINCT lane_id,tenant_id,endpoint_id,origin,now() FROM delivery ON CONFLICT (id) DO UPDATE SET next_due_at=now()"""
async def bare(url, conns, secs):
    n=0; end=time.monotonic()+secs
    from schemas.signature import sign
    body=b'x'*640
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as s:
        async def one():
            nonlocal n
            while time.monotonic()<end:
                h=sign("whsec_yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=",message_id="evt_x",at_seconds=1,body=body)
                async with s.post(url,data=body,headers=h) as r: await r.read()
                n+=1
        await asyncio.gather(*[one() for _ in range(conns)])
    return n/secs
def test_bench(settings):
    if os.environ.get("LOGJSON"): pass
    sink=subprocess.Popen([sys.executable,"/tmp/engine_sink.py"],stdout=subprocess.PIPE)
    port=int(sink.stdout.readline())
    N=int(os.environ.get("N","64")); per=int(os.environ.get("PER","100"))
    async def play():
        async with open_deliveries(settings) as d:
            for k in range(N): await d.endpoint(f"http://127.0.0.1:{port}/hook/{k}", tenant=f"t{k%8}")
            c0=time.process_time(); A=await bare(f"http://127.0.0.1:{port}/x", 256, 3); B=(time.process_time()-c0)/3/A
            await d.execute(FILL, per=per); await d.execute("ANALYZE"); await d.execute(WAKE)
            stop=asyncio.Event(); loop=d.loop(); looks=[]; writes=[]
            orig=loop.look
            async def look(around=True):
                t0=time.monotonic(); r=await orig(around=around); looks.append((around,time.monotonic()-t0)); return r
            loop.look=look
            rec=loop._attempts._recorder; ow=rec._group._write
            async def w(e):
                t0=time.monotonic(); r=await ow(e); writes.append((len(e),time.monotonic()-t0)); return r
            rec._group._write=w
            pr=cProfile.Profile(time.process_time) if os.environ.get("PROF") else None
            t=time.monotonic(); c=time.process_time()
            pass
            task=asyncio.create_task(loop.run(stop,grace=timedelta(seconds=2)))
            await asyncio.sleep(4)
            if pr: pr.enable()
            while True:
                await asyncio.sleep(0.3)
                [r]=await d.execute("SELECT count(*) AS n FROM delivery")
                if r.n==0: break
            el=time.monotonic()-t; cpu=time.process_time()-c
            if pr: pr.disable()
            stop.set(); await task
            print(f"\nbare {A:.0f}/s; loop {N*per/el:.0f}/s in {el:.1f}s; ratio {N*per/el/A:.2f}; bare cpu {1e6*B:.0f}us; cpu/delivery {1e6*cpu/(N*per):.0f}us", file=sys.stderr)
            for k in (True,False):
                x=[d for a,d in looks if a==k]; print('looks',k,len(x),'avg ms',1e3*sum(x)/max(1,len(x)),'max',max(x or [0]),file=sys.stderr)
            print('writes',len(writes),'rows/write',sum(n for n,_ in writes)/len(writes),'avg ms',1e3*sum(d for _,d in writes)/len(writes),file=sys.stderr)
            if pr: pstats.Stats(pr,stream=sys.stderr).sort_stats("tottime").print_stats(50)
    configure_logging(settings.model_copy(update={"log_format":"json","log_level":os.environ.get("LEVEL","info")}), process="deliver")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as r: r.run(play())
    finally: sink.kill()
