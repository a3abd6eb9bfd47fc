// What a person does in the browser: fills in the log-in page, the choice of a shop and the consent page, and lets the
// page post that answers the app. No part of an integration.

const PAGES_MAX = 20

/** Somebody with a browser of their own, which keeps its cookies. Apps that are reached elsewhere than their URL says: `at`. */
export class Person {
  #cookies = new Map()
  #at
  #username
  #shop

  constructor(username, at, shop) {
    this.#username = username
    this.#at = at
    this.#shop = shop
  }

  /** Goes on from an address until there is nothing to do: the last page, and the form that was posted to get there. */
  async visit(url, until = () => false) {
    let page = await this.#fetch(new URL(url))
    let posted = null
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      if (until(page)) return { ...page, posted }
      const form = page.location ? null : formOf(page)
      if (page.location) {
        page = await this.#fetch(new URL(page.location, page.url))
      } else if (form) {
        posted = { url: form.action, body: new URLSearchParams([...form.given, ...this.#decide(form)]) }
        page = await this.post(posted)
      } else {
        return { ...page, posted }
      }
    }
    throw new Error(`no end at ${page.url}`)
  }

  /** Posts a form, once more if it was posted before, as a reload does. */
  post({ url, body }) {
    return this.#fetch(url, { method: 'POST', body })
  }

  #decide(form) {
    if (form.fields.has('password')) return [['username', this.#username], ['password', 'kimbai-demo']]
    const shop = form.buttons.find(({ text }) => this.#shop && text.includes(this.#shop))
    if (shop) return [[shop.name, shop.value]]
    return form.fields.has('decision') ? [['decision', 'allow']] : []
  }

  async #fetch(url, request = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const reached = new URL(this.#at[url.origin] ? url.href.replace(url.origin, this.#at[url.origin]) : url)
    const response = await fetch(reached, { ...request, headers: { cookie }, redirect: 'manual' })
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/)
      this.#cookies.set(name, value)
    }
    return { url, status: response.status, location: response.headers.get('location'), text: await response.text() }
  }
}

/** The form that leads on: not the one that changes the language. */
function formOf(page) {
  const forms = [...page.text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, tag, content]) => {
    const tags = [...content.matchAll(/<(input|button)\b[^>]*>/gs)].map(([tag]) => tag)
    const buttons = [...content.matchAll(/(<button\b[^>]*>)(.*?)<\/button>/gs)]
    return {
      action: new URL(attribute(tag, 'action') || page.url, page.url),
      isPosted: attribute(tag, 'method').toLowerCase() === 'post',
      fields: new Set(tags.map((tag) => attribute(tag, 'name'))),
      given: tags
        .filter((tag) => attribute(tag, 'type') === 'hidden' || /\schecked\b/.test(tag))
        .map((tag) => [attribute(tag, 'name'), attribute(tag, 'value')]),
      buttons: buttons.map(([, tag, text]) => ({ name: attribute(tag, 'name'), value: attribute(tag, 'value'), text })),
    }
  })
  return forms.find((form) => form.isPosted)
}

const NAMED = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function attribute(tag, name) {
  const value = tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1] ?? ''
  return value.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (entity, decimal, hex, named) => {
    if (named) return NAMED[named] ?? entity
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16))
  })
}
