// Log-in, silent renewal in two tabs and log-out with oidc-client-ts in Chromium, against a running sandbox.
// KIMBAI_STANDARD_URL is the realm's address.
//
//   run.js             a walk through all of it, step by step
//   run.js rotate [S]  renews and verifies for S seconds (60) while the sandbox's keys follow each other

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const KIMBAI_STANDARD_URL = process.env.KIMBAI_STANDARD_URL ?? 'http://localhost:4600'
const APP_URL = 'http://localhost:8080/'
const DEADLINE_MS = 30_000
const KEYS_MIN = 5 // what a minute with a new key every five seconds must show
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let steps = 0
const step = (text) => console.log(`${String(++steps).padStart(2)}. ${text}`)

const program = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`).find(existsSync)
assert.ok(program, 'no Chromium: apt-get install chromium')
const server = await serve()
// The app is registered at APP_URL, whose port may be taken: for this browser, it is where the server is.
const rule = `--host-resolver-rules=MAP ${new URL(APP_URL).host} 127.0.0.1:${server.address().port}`
const browser = await chromium.launch({ executablePath: program, args: [...FLAGS, rule] })
const [command, seconds] = process.argv.slice(2)
try {
  await (command === 'rotate' ? rotate(Number(seconds ?? 60)) : walk())
} finally {
  await browser.close()
  server.close()
}

async function walk() {
  step('A person logs in, for as long as the browser has its session')
  const sessions = await person()
  const first = await sessions.tab()
  await logIn(first, '#log-in')
  step('Two tabs renew at once, each in a frame that shows no page')
  await renewTwice([first, await sessions.tab()])
  await sessions.close()

  step('A person logs in, and stays so: with a refresh token, which the tabs share')
  const stays = await person()
  const tabs = [await stays.tab(), await stays.tab()]
  await logIn(tabs[0], '#log-in-offline')
  await tabs[1].reload()
  step('Two tabs renew at once, with the same refresh token')
  await renewTwice(tabs)
  step('They go on by themselves, ten seconds after each renewal')
  const before = await Promise.all(tabs.map(seen))
  for (const [place, tab] of tabs.entries()) {
    await tab.waitForFunction((count) => window.app.seen.verified >= count, before[place].verified + 1)
  }
  for (const tab of tabs) assert.deepEqual((await seen(tab)).problems, [])

  step('Log-out, and back to the app')
  await tabs[0].locator('#log-out').click()
  await tabs[0].getByText('Nobody is logged in').waitFor()
  assert.equal(tabs[0].url(), APP_URL)
  await tabs[0].locator('#log-in').click()
  await tabs[0].locator('#username').waitFor()
  await stays.close()

  console.log('All as expected.')
}

/** Both tabs renew in the same moment, twice. */
async function renewTwice(tabs) {
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(tabs.map((tab) => tab.evaluate(() => window.app.manager.signinSilent())))
  }
  for (const tab of tabs) {
    await tab.waitForFunction(() => window.app.seen.verified >= 2)
    const { problems, algorithms } = await seen(tab)
    assert.deepEqual(problems, [])
    assert.deepEqual(algorithms, ['RS256'])
  }
}

async function rotate(seconds) {
  const end = Date.now() + seconds * 1000
  // The tabs of one person renew in frames, those of the other with refresh tokens.
  const people = [await person(), await person()]
  const [framed, offline] = people
  const tabs = [await framed.tab(), await framed.tab(), await offline.tab(), await offline.tab()]
  await logIn(tabs[0], '#log-in')
  await logIn(tabs[2], '#log-in-offline')
  for (const tab of [tabs[1], tabs[3]]) await tab.reload()
  await Promise.all(
    tabs.map(async (tab) => {
      for (; Date.now() < end; await pause(500)) await tab.evaluate(() => window.app.manager.signinSilent())
    }),
  )
  const all = await Promise.all(tabs.map(seen))
  assert.deepEqual(all.flatMap(({ problems }) => problems), [])
  const verified = all.reduce((sum, one) => sum + one.verified, 0)
  const keys = new Set(all.flatMap((one) => one.keys))
  console.log(`oidc-client-ts: ${verified} ID tokens verified, signed by ${keys.size} keys`)
  assert.ok(keys.size >= KEYS_MIN, `fewer than ${KEYS_MIN} keys`)
}

/** A server of the app's files: its pages are all one, and its packages lie beside it. */
async function serve() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, APP_URL)
    const isPackage = /^\/node_modules\/[\w./-]+$/.test(pathname)
    const file = isPackage ? pathname.slice(1) : pathname === '/app.js' ? 'app/app.js' : 'app/index.html'
    const type = file.endsWith('.js') ? 'text/javascript' : 'text/html'
    response.writeHead(200, { 'content-type': type }).end(await readFile(new URL(file, import.meta.url)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

/** Somebody with a browser of their own, whose app knows the issuer. */
async function person() {
  const context = await browser.newContext({ locale: 'en-US' })
  context.setDefaultTimeout(DEADLINE_MS)
  await context.addInitScript(
    ([app, issuer]) => location.href.startsWith(app) && localStorage.setItem('issuer', issuer),
    [APP_URL, KIMBAI_STANDARD_URL],
  )
  const tab = async () => {
    const page = await context.newPage()
    await page.goto(APP_URL)
    return page
  }
  return { tab, close: () => context.close() }
}

async function logIn(tab, button) {
  await tab.locator(button).click()
  await tab.locator('#username').fill('an')
  await tab.locator('#password').fill('kimbai-demo')
  await tab.locator('#login').click()
  // What was allowed once is not asked again.
  const greeting = tab.getByText('Hello, Đặng Thị Ngọc Ảnh')
  await tab.locator('#consent-allow').or(greeting).click()
  await greeting.waitFor()
}

function seen(tab) {
  return tab.evaluate(() => window.app.seen)
}
