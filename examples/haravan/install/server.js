// The app as a server on its own: node server.js, then http://localhost:8080 in a browser.

import { createServer } from 'node:http'
import { InstallApp } from './app.js'

export const DEMO = {
  issuer: process.env.KIMBAI_HARAVAN_URL ?? 'http://localhost:4604',
  clientId: '00112233445566778899aabbccddeeff',
  clientSecret: '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff',
  home: 'http://localhost:8080',
}
const BODY_BYTES_MAX = 64 * 1024

/** A listener of node:http for an app that browsers know as `home`. */
export function listener(app, home) {
  return async (incoming, outgoing) => {
    try {
      const response = await app.handle(await request(incoming, home))
      for (const [name, value] of response.headers) outgoing.appendHeader(name, value)
      outgoing.writeHead(response.status).end(Buffer.from(await response.arrayBuffer()))
    } catch (error) {
      console.error(error)
      outgoing.writeHead(500).end()
    }
  }
}

async function request(incoming, home) {
  const { method, headers } = incoming
  const chunks = []
  let length = 0
  for await (const chunk of incoming) {
    length += chunk.length
    if (length > BODY_BYTES_MAX) throw new Error('the body is too long')
    chunks.push(chunk)
  }
  const body = method === 'POST' ? Buffer.concat(chunks) : undefined
  return new Request(new URL(incoming.url, home), { method, headers, body })
}

if (process.argv[1] === import.meta.filename) {
  const app = await InstallApp.discover(DEMO)
  createServer(listener(app, DEMO.home)).listen(8080, 'localhost', () => console.log(DEMO.home))
}
