// A nostr-tools client for the end-to-end tests: node client.mjs <url> → one JSON line about what it did and heard.
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import WebSocket from "ws";

useWebSocketImplementation(WebSocket);

const key = generateSecretKey();
const sign = (kind, content) =>
  finalizeEvent({ kind, content, tags: [], created_at: Math.floor(Date.now() / 1000) }, key);

const published = [];
const relay = await Relay.connect(process.argv[2]);

async function publish(event) {
  const started = performance.now();
  let refusal = null;
  try {
    await relay.publish(event);
  } catch (error) {
    refusal = error.message;
  }
  published.push({ id: event.id, kind: event.kind, refusal, milliseconds: performance.now() - started });
}

const note = sign(1, "from nostr-tools");
await publish(note);
await publish(note); // a duplicate
await publish(sign(1337, "a kind that the relay refuses"));

const received = await new Promise((resolve) => {
  const events = [];
  const subscription = relay.subscribe([{ kinds: [1] }], {
    onevent: (event) => events.push(event.id),
    oneose: () => {
      subscription.close();
      resolve(events);
    },
  });
});
const count = await relay.count([{ kinds: [1] }], {});

relay.close();
console.log(JSON.stringify({ published, received, count }));
process.exit(0);
