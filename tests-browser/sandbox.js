// Starts `kimbai sandbox` on free ports, one for each test: no test depends on what another left behind.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

const PORTS = 10
const ATTEMPTS = 5

/** A sandbox that ends with the test: the addresses of its realms. */
export async function startSandbox(t) {
  const program = process.env.KIMBAI_BIN
  assert.ok(program, 'KIMBAI_BIN must name the kimbai binary')
  let said = ''
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const base = await freePortBase()
    const child = spawn(program, ['sandbox', '--json', '--port-base', String(base)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    said = ''
    child.stderr.on('data', (chunk) => (said += chunk))
    if (!(await firstLine(child))) continue // another process took a port in between
    const exit = once(child, 'exit')
    t.after(async () => {
      child.kill()
      await exit
    })
    const at = (offset) => `http://localhost:${base + offset}`
    return { standard: at(0), tini: at(1), marketplace: at(2), haravan: at(4), oneid: at(5) }
  }
  throw new Error(`the sandbox did not start: ${said}`)
}

/** The contract: one JSON document on the first line, written when every port answers. */
async function firstLine(child) {
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(() => undefined)
  const line = await Promise.race([once(lines, 'line').then(([text]) => text), ended])
  return line === undefined ? undefined : JSON.parse(line)
}

async function freePortBase() {
  for (;;) {
    // Below the ports that outgoing connections take.
    const base = 20_000 + PORTS * Math.floor(Math.random() * 1200)
    const ports = Array.from({ length: PORTS }, (_, index) => base + index)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
