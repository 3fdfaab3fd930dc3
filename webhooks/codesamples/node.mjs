// Node 18 or newer, no packages. The published library is `standardwebhooks` on npm: new Webhook(secret).verify(body, headers)
import { createHmac, timingSafeEqual } from "node:crypto";

export function verify(secret, headers, body, toleranceSeconds = 300) {
  const id = headers["webhook-id"], timestamp = headers["webhook-timestamp"];
  if (!id || !/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) {
    throw new Error("the webhook headers are missing or too old");
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  for (const part of (headers["webhook-signature"] ?? "").split(" ")) {
    const given = Buffer.from(part.startsWith("v1,") ? part.slice(3) : "", "base64");
    if (given.length === expected.length && timingSafeEqual(given, expected)) return JSON.parse(body.toString("utf8"));
  }
  throw new Error("no signature fits");
}

// Express: app.post("/webhooks", express.raw({ type: "*/*" }), (request, response) => {
//   const event = verify(process.env.WEBHOOK_SECRET, request.headers, request.body);   // request.body is a Buffer
//   enqueueOnce(event.event_id, event);
//   response.sendStatus(204);
// });
