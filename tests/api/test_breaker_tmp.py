import asyncio, base64, io, struct, time, zlib
from typing import Any
from infra.settings import Settings
from tests.api.served import IMAGE, Served, new_key, run
from schemas.scopes import KeyScope
from PIL import Image
def png(size=(64,64)):
    b=io.BytesIO(); Image.new("RGB",size).save(b,"PNG"); return b.getvalue()
def chunk(t,d): return struct.pack(">I",len(d))+t+d+struct.pack(">I",zlib.crc32(t+d))
def bomb():
    raw=zlib.compress(b"\0"*(20000*3+1)*2000,9)
    return b"\x89PNG\r\n\x1a\n"+chunk(b"IHDR",struct.pack(">IIBBBBB",20000,20000,8,2,0,0,0))+chunk(b"IDAT",raw)+chunk(b"IEND",b"")
def iccbomb():
    p=png(); i=p.index(b"IDAT")-4
    return p[:i]+chunk(b"iCCP",b"x\0\0"+zlib.compress(b"\0"*200_000_000,9))+p[i:]
def ztxt():
    p=png(); i=p.index(b"IDAT")-4
    return p[:i]+b"".join(chunk(b"zTXt",b"k%d\0\0"%k+zlib.compress(b"\0"*60_000_000,9)) for k in range(8))+p[i:]
def exif():
    b=io.BytesIO(); Image.new("RGB",(64,64)).save(b,"PNG",exif=b"Exif\0\0"+b"MM\0*\0\0\0\x08"+b"\xff"*4_000_000); return b.getvalue()
def apng():
    b=io.BytesIO(); f=[Image.new("RGB",(500,500),(i,i,i)) for i in range(200)]; f[0].save(b,"PNG",save_all=True,append_images=f[1:]); return b.getvalue()
def url(d,t="image/png"): return f"data:{t};base64,"+base64.b64encode(d).decode()
class Meter:
    def __init__(s): s.worst=0.0
    async def go(s):
        while True:
            b=time.perf_counter(); await asyncio.sleep(0.005); s.worst=max(s.worst,time.perf_counter()-b-0.005)
def test_bad(settings: Settings) -> None:
    async def sc(api: Served) -> None:
        m=Meter(); t=asyncio.create_task(m.go())
        async def go(name, method, path, **k):
            m.worst=0; b=time.perf_counter()
            try:
                a=await api.http.request(method,path,timeout=60,**k); out=f"{a.status_code} {a.text[:110]!r}"
            except Exception as e: out="EXC "+repr(e)[:80]
            dt=time.perf_counter()-b
            mark="!!!" if out.startswith("5") or out.startswith("EXC") or m.worst>0.5 else "   "
            print(f"{mark} {name:26} {dt:5.2f}s stall {m.worst:5.2f} {out}", flush=True)
        M="/v1/moderations"
        await go("warm","POST",M,json={"input":"hi"})
        await go("10k inputs","POST",M,json={"input":["x"]*10000})
        await go("10k parts","POST",M,json={"input":[{"type":"text","text":"x"}]*10000})
        await go("100x9k","POST",M,json={"input":["the quick brown fox "*450]*100})
        await go("nul","POST",M,json={"input":"a\0b"})
        await go("surrogate","POST",M,content=b'{"input":"\\ud800 x"}',headers={"content-type":"application/json"})
        await go("img 20MB noise","POST",M,json={"input":[{"type":"image_url","image_url":{"url":url(b"\x89PNG\r\n\x1a\n"+b"x"*5_000_000)}}]})
        for n,d in (("bomb",bomb()),("icc",iccbomb()),("ztxt",ztxt()),("exif",exif()),("apng",apng()),("empty",b""),("trunc",png()[:50])):
            await go("mod "+n,"POST",M,json={"input":[{"type":"image_url","image_url":{"url":url(d)}}]})
            await go("verify "+n,"POST","/v1/verify",content=d,headers={"content-type":"image/png"})
        for n,x in (("brackets","("*1_000_00),("digits","1 "*50000),("at","a@"*50000),("dots","a."*50000),("b64","QUFB"*25000),("minus","-"*100000),("slash","sk-"*33000),("marks","a"+"\u0301"*50000),("emoji","👨‍👩‍👧"*20000),("zw","a\u200b"*50000),("spaced","a b "*25000),("nl","\n"*100000),("code","```python\n"*10000),("eval","eval("*20000),("leet","1337 "*20000),("hex","\\x41"*25000),("rot",  "%41"*33000), ("ent","&#65;"*20000),("cjk","裸"*7900),("upper","AbC"*33000),("phone","+49 170 "*12000),("iban","DE89 3704 "*10000)):
            await go("rx "+n,"POST",M,json={"input":x})
            await go("rx "+n+" 7900","POST",M,json={"input":x[:1900]})
        V="/v1/verify"; H={"content-type":"multipart/form-data; boundary=a"}
        await go("mp nofile","POST",V,content=b"--a\r\n\r\n--a--",headers=H)
        await go("mp many","POST",V,content=b"\r\n--a"*3_000_000,headers=H)
        await go("mp none","POST",V,content=b"",headers={"content-type":"multipart/form-data"})
        await go("v text nul","POST",V,json={"text":"a\0"})
        await go("v text surr","POST",V,content=b'{"text":"\\ud800"}',headers={"content-type":"application/json"})
        await go("v text big","POST",V,json={"text":"a b "*1_000_000})
        await go("v sha","POST",V,json={"sha256":"zz"})
        P="/v1/safety/policies"; Y={"content-type":"application/yaml"}
        hdr="policy: t\nversion: 1\n"
        await go("yaml anchors","POST",P,content=(hdr+"a: &a [x]\n"+"".join(f"b{i}: &b{i} [{','.join(['*'+('a' if i==0 else f'b{i-1}')]*10)}]\n" for i in range(12))).encode(),headers=Y)
        await go("yaml 1MB list","POST",P,content=(hdr+"x: ["+"a,"*400000+"]").encode(),headers=Y)
        await go("json 20k names","POST",P,json={"policy":"t",**{f"x{i}":1 for i in range(20000)}})
        await go("json nul","POST",P,json={"policy":"t","categories":{"own":{"words":["a\0b"]}}})
        await go("json nul name","POST",P,json={"policy":"t\0"})
        await go("json big version","POST",P,json={"policy":"t","version":10**30})
        await go("json words","POST",P,json={"policy":"t","categories":{f"c{i}":{"words":[f"w{i}x{j}" for j in range(5000)]} for i in range(16)}})
        await go("exemplars ok","POST",P,json={"policy":"t","categories":{f"c{i}":{"exemplars":[f"sentence number {i} {j}" for j in range(300)],"block":0.5} for i in range(60)}})
        await go("activate","POST",P+"/2/activate",json={})
        m.worst=0
        await asyncio.sleep(2.2)
        await go("mod with own","POST",M,json={"input":"hello there"})
        await go("submit","POST","/v1/jobs",json=IMAGE)
        await go("simulate","POST","/v1/safety/simulate",json={"document":{"policy":"t"},"since":"7d"})
        HL="/v1/safety/hash_lists"
        await go("hl","POST",HL,json={"name":"a\0b","category":"x"})
        await go("hl2","POST",HL,json={"name":"l","category":"own_cat","action":"block"})
        await go("hl entries","POST",HL+"/l/entries",json={"add":[{"algorithm":"sha256","hash":"zz"}]*10})
        for path in ("/v1/reviews/rev_x","/v1/reviews?after=\0","/v1/reviews?after=rev_zzz","/v1/privacy/export?end_user=%00","/v1/reviews?category=%00","/v1/reviews?tenant=%00","/v1/safety/policies/99999999999999","/v1/safety/policies?after=99999999999","/v1/safety/hash_lists/%00","/v1/safety/hash_lists/"+"x"*5000):
            await go(path[:26],"GET",path)
        for body in ({"end_user":"\0"},{"end_user":""},{"end_user":"x"*100000},{}):
            await go("erase","POST","/v1/privacy/erasures",json=body)
        t.cancel()
    run(settings, sc)
