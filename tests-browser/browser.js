// Debian's Chromium, and people who use it. Nothing here knows the pages.

import assert from 'node:assert/strict'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after, before } from 'node:test'
import { chromium } from 'playwright-core'

const DEADLINE_MS = 10_000
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let browser
before(async () => {
  browser = await chromium.launch({ executablePath: program(), args: FLAGS })
})
after(() => browser?.close())

/**
 * A browser of its own, with cookies of its own. Fails the test when a page breaks its content security policy or a
 * script of a page fails.
 */
export async function person(t, options = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options })
  context.setDefaultTimeout(DEADLINE_MS)
  const problems = []
  context.on('console', (message) => {
    if (/content security policy|refused to/i.test(message.text())) problems.push(message.text())
  })
  context.on('weberror', (error) => problems.push(String(error.error())))
  t.after(async () => {
    await context.close()
    assert.deepEqual(problems, [])
  })
  return context
}

function program() {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  throw new Error('no Chromium: apt-get install chromium')
}
