// A program on OpenAI's library for Node that takes every call of files, uploads and batches; prints what it found.
//
//     node gateway_openai.mjs BASE_URL KEY
import assert from "node:assert";
import OpenAI, { toFile } from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const request = {
  method: "POST",
  url: "/v1/chat/completions",
  body: { model: "gpt-4o-mini", messages: [{ role: "user", content: "Say it." }] },
};
const lines = (count) =>
  Array.from({ length: count }, (_, number) => JSON.stringify({ custom_id: `r-${number}`, ...request }) + "\n").join("");

async function files() {
  const many = lines(6000);
  const made = await client.files.create({ file: await toFile(Buffer.from(many), "many.jsonl"), purpose: "batch" });
  const seen = await client.files.retrieve(made.id);
  assert.deepEqual([seen.id, seen.bytes, seen.filename], [made.id, many.length, "many.jsonl"]);
  const content = await client.files.content(made.id);
  assert.equal(await content.text(), many);
  let size = 0;
  for await (const chunk of (await client.files.content(made.id)).body) size += chunk.length;
  assert.equal(size, many.length);
  await client.files.waitForProcessing(made.id);
  return (await client.files.delete(made.id)).deleted;
}

async function paging() {
  const made = [];
  for (let number = 0; number < 5; number++) {
    made.push((await client.files.create({ file: await toFile(Buffer.from("x"), `${number}.txt`), purpose: "user_data" })).id);
  }
  const listed = [];
  for await (const file of client.files.list({ limit: 2 })) listed.push(file.id);
  for (const id of made) await client.files.delete(id);
  return JSON.stringify(listed) === JSON.stringify(made.reverse());
}

async function uploads() {
  const whole = Buffer.from(lines(3));
  const order = { filename: "a.jsonl", purpose: "batch", mime_type: "application/jsonl" };
  const upload = await client.uploads.create({ ...order, bytes: whole.length });
  const part_ids = [];
  for (const piece of [whole.subarray(0, 99), whole.subarray(99)]) {
    part_ids.push((await client.uploads.parts.create(upload.id, { data: await toFile(piece, "part") })).id);
  }
  const done = await client.uploads.complete(upload.id, { part_ids });
  assert.equal(await (await client.files.content(done.file.id)).text(), whole.toString());
  const other = await client.uploads.create({ ...order, bytes: 8 });
  return [done.status, (await client.uploads.cancel(other.id)).status];
}

async function ended(id) {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (["completed", "failed", "cancelled", "expired"].includes(batch.status)) return batch;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function batches() {
  const order = { endpoint: "/v1/chat/completions", completion_window: "24h" };
  const file = await client.files.create({ file: await toFile(Buffer.from(lines(3)), "a.jsonl"), purpose: "batch" });
  const made = [];
  for (let number = 0; number < 3; number++) {
    made.push((await client.batches.create({ ...order, input_file_id: file.id, metadata: { job: "a" } })).id);
  }
  const batch = await ended(made[0]);
  const rows = (await (await client.files.content(batch.output_file_id)).text()).trim().split("\n").map(JSON.parse);
  const listed = [];
  for await (const each of client.batches.list({ limit: 2 })) listed.push(each.id);
  const long = await client.files.create({ file: await toFile(Buffer.from(lines(6000)), "b.jsonl"), purpose: "batch" });
  const stopped = await client.batches.cancel((await client.batches.create({ ...order, input_file_id: long.id })).id);
  for (const id of [...made, stopped.id]) await ended(id);
  return {
    status: batch.status,
    counts: batch.request_counts,
    rows: rows.map((row) => row.custom_id).sort(),
    listed: JSON.stringify(listed) === JSON.stringify(made.reverse()),
    stopped: ["cancelling", "cancelled"].includes(stopped.status),
  };
}

async function errors() {
  const wrong = new OpenAI({ baseURL, apiKey: "sk-another", maxRetries: 0 });
  const calls = {
    "unknown file": () => client.files.retrieve("file-aaaaaaaaaaaaaaaaaaaaaaaa"),
    "unknown batch": () => client.batches.retrieve("batch_aaaaaaaaaaaaaaaaaaaaaaaa"),
    "wrong key": () => wrong.files.list(),
    "bad lines": async () => client.files.create({ file: await toFile(Buffer.from("{}\nno\n"), "a.jsonl"), purpose: "batch" }),
  };
  const found = {};
  for (const [name, call] of Object.entries(calls)) {
    found[name] = await call().then(() => null, (error) => [error.constructor.name, error.status]);
  }
  return found;
}

console.log(
  JSON.stringify({
    files: await files(),
    paging: await paging(),
    uploads: await uploads(),
    batches: await batches(),
    errors: await errors(),
  }),
);
