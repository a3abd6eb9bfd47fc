// What a person does in the browser: fills in the log-in page and the consent page. No part of an integration.

/** Somebody with a browser of their own, which keeps its cookies. */
export class Person {
  #cookies = new Map()
  #credentials

  constructor(username = 'an', password = 'kimbai-demo') {
    this.#credentials = { username, password }
  }

  /** Goes on from this address until the browser is sent to an app: the address there. */
  async follow(url, until) {
    let page = await this.#visit(url)
    for (let pages = 0; pages < 8; pages += 1) {
      if (page.location) {
        const location = new URL(page.location)
        if (location.origin + location.pathname === until) return location
        page = await this.#visit(location)
        continue
      }
      const form = formOf(page)
      const fields = form.has('password') ? this.#credentials : { decision: 'allow' }
      const body = new URLSearchParams([...form.given, ...Object.entries(fields)])
      page = await this.#visit(new URL(form.action, page.url), { method: 'POST', body })
    }
    throw new Error(`the pages did not lead to ${until}`)
  }

  async #visit(url, request = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { ...request, headers: { cookie }, redirect: 'manual' })
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/)
      this.#cookies.set(name, value)
    }
    const location = response.headers.get('location')
    return {
      url: String(url),
      status: response.status,
      location: location && new URL(location, url).href,
      text: await response.text(),
    }
  }
}

/** The form of the page that logs in or decides. */
function formOf(page) {
  for (const [, tag, content] of page.text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)) {
    const fields = [...content.matchAll(/<(?:input|button)\b[^>]*>/gs)].map(([field]) => field)
    const names = new Set(fields.map((field) => attribute(field, 'name')))
    if (!names.has('password') && !names.has('decision')) continue
    const given = fields
      .filter((field) => attribute(field, 'type') === 'hidden' || /\schecked\b/.test(field))
      .map((field) => [attribute(field, 'name'), attribute(field, 'value')])
    return { action: attribute(tag, 'action') || page.url, given, has: (name) => names.has(name) }
  }
  throw new Error(`no form to fill in at ${page.url} (status ${page.status})`)
}

const NAMED = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function attribute(tag, name) {
  const value = tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1] ?? ''
  return value.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (entity, decimal, hex, named) => {
    if (named) return NAMED[named] ?? entity
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16))
  })
}
