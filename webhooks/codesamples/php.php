<?php
// PHP 7.4 or newer, no packages. The published library: (new \StandardWebhooks\Webhook($secret))->verify($body, $headers)
function verify_webhook(string $secret, array $headers, string $body, int $toleranceSeconds = 300): array
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !ctype_digit($timestamp) || abs(time() - (int) $timestamp) > $toleranceSeconds) {
        throw new RuntimeException('the webhook headers are missing or too old');
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "{$id}.{$timestamp}.{$body}", $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $given) {
        if (hash_equals($expected, $given)) {
            return json_decode($body, true, 512, JSON_THROW_ON_ERROR);
        }
    }
    throw new RuntimeException('no signature fits');
}

$headers = array_change_key_case(getallheaders(), CASE_LOWER);
$event = verify_webhook(getenv('WEBHOOK_SECRET'), $headers, file_get_contents('php://input')); // the raw body
enqueue_once($event['event_id'], $event);
http_response_code(204);
