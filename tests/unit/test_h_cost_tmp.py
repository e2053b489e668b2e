import asyncio, time
from sqlalchemy import text
from infra.postgres.engine import create_engine, transaction
from infra.postgres import state_counts as sc
def test_cost(settings):
    async def play():
        engine=create_engine(settings,process="x")
        async with transaction(engine) as c:
            await c.execute(text("INSERT INTO job (id,tenant_id,lane,kind,priority,model,end_user) SELECT uuidv7(-interval '1 second' * (g % 290)),1,2,1,5,'m', CASE WHEN g%2=0 THEN 'u'||(g%5000) END FROM generate_series(1,300000) g"))
            await c.execute(text("INSERT INTO live (job_id,lane,tenant_id,state,priority,started_at) SELECT uuidv7(),2,1,CASE WHEN g%100=0 THEN 4 ELSE 2 END,5,now() FROM generate_series(1,300000) g"))
            await c.execute(text("INSERT INTO delivery (id,event_id,job_id,tenant_id,url,origin) SELECT uuidv7(),uuidv7(),uuidv7(),1,'http://x/','http://x' FROM generate_series(1,100000) g"))
        async with transaction(engine) as c:
            for f in (sc.lane_states, sc.delivery_counts, sc.active_users, sc.budgets_near_limit):
                for _ in range(3):
                    b=time.perf_counter(); await f(c); print(f.__name__, round((time.perf_counter()-b)*1000,1),"ms")
            q=sc._LANES.text.replace("CAST(min(CAST(job_id AS text)) AS uuid)","min(job_id)")
            try:
                b=time.perf_counter(); await c.execute(text(q)); print("min(uuid)", round((time.perf_counter()-b)*1000,1))
            except Exception as e: print(str(e)[:200])
        await engine.dispose()
    asyncio.run(play())
