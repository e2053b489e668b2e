// Calls genq as users of npm's openai do, with OPENAI_BASE_URL and OPENAI_API_KEY set and nothing
// else. Standard input: a delivered webhook as JSON, "secret", "headers", "body" and the response's
// "id". Standard output: by scenario what went wrong, mostly "". The argument is the folder of the
// libraries.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const library = createRequire(join(process.argv[2], "package.json"));
const { OpenAI, toFile } = library("openai");
const client = new OpenAI();
const messages = [{ role: "user", content: "Say this is a test" }];
const model = "gpt-5.5";
const delivered = JSON.parse(fs.readFileSync(0, "utf8"));

const ended = async (look, statuses) => {
  for (;;) {
    const found = await look();
    if (statuses.includes(found.status)) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const scenarios = {
  async chat() {
    const told = await client.chat.completions.create({ model, messages });
    assert.ok(told.choices[0].message.content);
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    assert.equal(text, told.choices[0].message.content);
  },
  async images() {
    const made = await client.images.generate({
      model: "gpt-image-1",
      prompt: "a red kite",
      size: "64x64",
    });
    assert.equal(Buffer.from(made.data[0].b64_json, "base64").subarray(1, 4).toString(), "PNG");
    assert.equal((await fetch(made.data[0].url)).status, 200);
  },
  async files() {
    const file = await toFile(Buffer.from('{"a":1}\n'), "a.jsonl");
    const made = await client.files.create({
      file,
      purpose: "user_data",
      expires_after: { anchor: "created_at", seconds: 3600 },
    });
    assert.equal(made.expires_at, made.created_at + 3600);
    const names = [];
    for await (const one of client.files.list({ limit: 1 })) names.push(one.id);
    assert.ok(names.includes(made.id));
    assert.equal(await (await client.files.content(made.id)).text(), '{"a":1}\n');
    assert.equal((await client.files.delete(made.id)).deleted, true);
    await assert.rejects(client.files.retrieve(made.id), OpenAI.NotFoundError);
  },
  async batches() {
    const line = (id) => ({
      custom_id: id,
      method: "POST",
      url: "/v1/chat/completions",
      body: { model, messages },
    });
    const text = ["a", "b"].map((id) => JSON.stringify(line(id))).join("\n");
    const input = await client.files.create({
      file: await toFile(Buffer.from(text), "in.jsonl"),
      purpose: "batch",
    });
    const made = await client.batches.create({
      input_file_id: input.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    const all = ["completed", "failed", "expired", "cancelled"];
    const done = await ended(() => client.batches.retrieve(made.id), all);
    assert.equal(done.status, "completed");
    assert.deepEqual(done.request_counts, { total: 2, completed: 2, failed: 0 });
    const lines = (await (await client.files.content(done.output_file_id)).text()).trim();
    assert.deepEqual(lines.split("\n").map((one) => JSON.parse(one).custom_id), ["a", "b"]);
    const listed = [];
    for await (const one of client.batches.list({ limit: 1 })) listed.push(one.id);
    assert.ok(listed.includes(made.id));
  },
  async responses() {
    const told = await client.responses.create({ model, input: "Say this is a test" });
    assert.ok(told.output_text);
    const made = await client.responses.create({ model, input: "hello", background: true });
    const done = await ended(() => client.responses.retrieve(made.id), ["completed"]);
    assert.ok(done.output_text);
    const events = [];
    for await (const event of await client.responses.retrieve(made.id, { stream: true }))
      events.push(event);
    const rest = [];
    const after = { stream: true, starting_after: events[2].sequence_number };
    for await (const event of await client.responses.retrieve(made.id, after)) rest.push(event);
    assert.deepEqual(rest, events.slice(3));
  },
  async webhooks() {
    const { secret, headers, body, id } = delivered;
    const event = await client.webhooks.unwrap(body, headers, secret);
    assert.deepEqual([event.type, event.data.id], ["response.completed", id]);
    await assert.rejects(client.webhooks.unwrap(body + " ", headers, secret));
  },
};

const told = await Promise.all(
  Object.entries(scenarios).map(async ([name, play]) => {
    try {
      await play();
      return [name, ""];
    } catch (error) {
      return [name, String(error.stack ?? error)];
    }
  }),
);
process.stdout.write(JSON.stringify(Object.fromEntries(told)));
