# pip install standardwebhooks flask
from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError
from your_code import WEBHOOK_SECRET, enqueue_once

app = Flask(__name__)
webhook = Webhook(WEBHOOK_SECRET)  # whsec_...


@app.post("/webhooks")
def receive():
    try:
        event = webhook.verify(request.get_data(), dict(request.headers))  # the raw bytes
    except WebhookVerificationError:
        return "", 400
    enqueue_once(event["event_id"], event)  # the same event may come again: its id stays the same
    return "", 204
