// Three people install the app of server.js, without a browser, against a running sandbox. KIMBAI_HARAVAN_URL is the
// accounts server's address.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { InstallApp } from './app.js'
import { Person } from './person.js'
import { DEMO, listener } from './server.js'

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

const app = await InstallApp.discover(DEMO)
const server = createServer(listener(app, DEMO.home)).listen(0, 'localhost')
await once(server, 'listening')
// Browsers know the app as http://localhost:8080, where its redirect URIs are registered.
const at = { [DEMO.home]: `http://localhost:${server.address().port}` }
const inApp = ({ url, location }) => url.origin === DEMO.home && !location

step('An opens the app, logs in, and allows what it asks for: she is admin of one shop')
const an = new Person('an', at)
const installed = await an.visit(`${DEMO.home}/install`, inApp)
assert.equal(installed.status, 200)
assert.match(installed.text, /The app works for [^<]+\./)
const [orgid] = app.installed()
console.log(`    ${installed.text.match(/The app works for [^<]+/)[0]}, orgid ${orgid}`)

step('What the app got is for a service: for 68 years, with a refresh token')
const tokens = app.tokensOf(orgid)
assert.equal(tokens.expires_in, 2 ** 31 - 1)
assert.equal(tokens.claims().orgid, orgid)
assert.deepEqual([tokens.claims().role].flat(), ['admin'])
for (const token of [tokens.access_token, tokens.refresh_token]) assert.match(token, /^[0-9a-f]{64}$/)
console.log(`    sub ${tokens.claims().sub}, role ${tokens.claims().role}, scope ${tokens.scope}`)

step('She reloads the page: the app does not send the code again')
const again = await an.post(installed.posted)
assert.equal(again.status, 400)
assert.match(again.text, /sent before/)

step('Two workers refresh at once: both get the same refresh token')
const [one, other] = await Promise.all([app.refresh(orgid), app.refresh(orgid)])
assert.notEqual(one.refresh_token, tokens.refresh_token)
assert.equal(one.refresh_token, other.refresh_token)
const visited = await an.visit(`${DEMO.home}/shop`)
assert.equal(visited.text, installed.text)

step('Bình works in the same shop, and is no admin: the app does not even ask')
const refused = await new Person('binh', at).visit(`${DEMO.home}/install`, inApp)
assert.equal(refused.status, 403)
assert.match(refused.text, /Only an admin/)

step('Chi has two shops, and chooses')
const chi = new Person('chi', at, 'other-shop')
const chosen = await chi.visit(`${DEMO.home}/install`, inApp)
assert.equal(chosen.status, 200)
const others = app.installed().filter((known) => known !== orgid)
assert.equal(others.length, 1)
console.log(`    ${chosen.text.match(/The app works for [^<]+/)[0]}, orgid ${others[0]}`)

step('The admin page of a shop opens the app: signed, and not too old')
const launch = (timestamp, secret = DEMO.clientSecret) => {
  const query = `orgid=${orgid}&shop=demo-shop.myharavan.com&timestamp=${timestamp}`
  return `${DEMO.home}/?${query}&hmac=${createHmac('sha256', secret).update(query).digest('hex')}`
}
const now = Math.floor(Date.now() / 1000)
const launched = await new Person('an', at).visit(launch(now), inApp)
assert.equal(launched.text, installed.text)
for (const url of [launch(now - 301), launch(now, 'of somebody else')]) {
  assert.equal((await new Person('an', at).visit(url, inApp)).status, 403)
}

step('A webhook is verified over its bytes')
const body = '{"id":1, "topic":"orders/create"}'
const sign = (text) => createHmac('sha256', DEMO.clientSecret).update(text).digest('base64')
for (const [signature, status] of [
  [sign(body), 200],
  [sign(JSON.stringify(JSON.parse(body))), 401],
]) {
  const headers = { 'X-Haravan-HmacSha256': signature }
  assert.equal((await fetch(`${at[DEMO.home]}/webhook`, { method: 'POST', body, headers })).status, status)
}

server.close()
server.closeAllConnections()
console.log('All as documented.')
