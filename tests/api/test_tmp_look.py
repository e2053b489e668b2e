from tests.api.chatting import chat, button
from schemas.chat import Verb
def test_look(settings, chat_platforms):
    async def scenario(here):
        def show(s, said): print("LOOK", s, "->", ("[private] " if said.private else "[all] ") , said.text.replace("\n","\nLOOK    "), said.message and said.message.labels)
        for s in ("/help","/imagine a red kite --ar 16:9 --sede 9 --n 44","/imagine a red kite","/imagine another --relax","/queue","/info","/settings","/link","/gallery","/blend https://a.test/1.png","/describe","/cancel","/cancel","/cancel","/nonsense","/ask what is @everyone **x**", "/settings press owner", "/imagine x --model nope", "/imagine sexual pictures of a 10 year old child"):
            show(s, await here.say(s))
        said = await here.say("/imagine done one"); job = await here.done()
        for v,i in ((Verb.UPSCALE,1),(Verb.UPSCALE,1),(Verb.CANCEL,0),(Verb.APPEAL,0),(Verb.UPSCALE,9)):
            show(str((v,i)), await here.press_id(said, button(v,i,job)))
    chat(settings, chat_platforms, scenario)
