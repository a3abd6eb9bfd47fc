// What the platform signs with the app's secret: how its admin opens the app, and webhooks. `kimbai sign haravan-launch`
// and `kimbai sign haravan-webhook` make the other side of it.

import { createHmac, timingSafeEqual } from 'node:crypto'

const WINDOW_S = 300

/** The parameters of a launch, or null: over all but `hmac`, in the order in which they came, decoded. */
export function verifyLaunch(query, secret, now = Date.now()) {
  const parameters = new URLSearchParams(query)
  const signed = [...parameters].filter(([name]) => name !== 'hmac').map(([name, value]) => `${name}=${value}`)
  const expected = createHmac('sha256', secret).update(signed.join('&')).digest('hex')
  const age = now / 1000 - Number(parameters.get('timestamp') ?? NaN)
  return same(expected, parameters.get('hmac')) && Math.abs(age) <= WINDOW_S ? parameters : null
}

/** Whether a webhook is the platform's: over the bytes that came, before anybody parses them. */
export function verifyWebhook(body, signature, secret) {
  return same(createHmac('sha256', secret).update(body).digest('base64'), signature)
}

// Takes as long wherever the first difference is.
function same(expected, found) {
  const [one, other] = [Buffer.from(expected), Buffer.from(found ?? '')]
  return one.length === other.length && timingSafeEqual(one, other)
}
