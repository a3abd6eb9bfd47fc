// What must hold of every page, however it is looked at: axe-core finds nothing, nothing is wider than the window,
// nothing is cut off, what can be pressed is large enough. KIMBAI_SCREENSHOTS names a folder that gets the pictures.

import { AxeBuilder } from '@axe-core/playwright'
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const pictures = process.env.KIMBAI_SCREENSHOTS
if (pictures) mkdirSync(pictures, { recursive: true })

const COLOURS = ['light', 'dark']
const PHONE = { width: 390, height: 844 }
const WIDE = { width: 1280, height: 900 }

/** A zoom of 200 % leaves half as many CSS pixels each way (WCAG 2.2, 1.4.4 and 1.4.10). Colours are the same there. */
const zoomed = ({ width, height }) => ({ width: Math.floor(width / 2), height: Math.floor(height / 2) })

const VIEWS = {
  phone: { viewport: PHONE, colours: COLOURS },
  wide: { viewport: WIDE, colours: COLOURS },
  'phone-200': { viewport: zoomed(PHONE), colours: ['light'] },
  'wide-200': { viewport: zoomed(WIDE), colours: ['dark'] },
}

/** Looks at the page in every view; `name` is the page's. */
export async function inspect(page, name) {
  for (const [window, { viewport, colours }] of Object.entries(VIEWS)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of colours) {
      await page.emulateMedia({ colorScheme })
      const view = `${name}-${window}-${colorScheme}`
      if (pictures) await page.screenshot({ path: join(pictures, `${view}.png`), fullPage: true })
      assert.deepEqual(await findings(page), [], view)
    }
    const faults = [...(await page.evaluate(misplaced)), ...(await page.evaluate(brokenWords))]
    assert.deepEqual(faults, [], `${name}-${window}`)
  }
  await page.setViewportSize(WIDE)
  await page.emulateMedia({ colorScheme: null })
}

async function findings(page) {
  // The legacy mode leaves out a second page for each analysis, which only frames of other origins need.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] })
  const { violations } = await axe.analyze()
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => ({ id, help, target, failureSummary })))
}

/** Runs in the page: what stands outside of the window or is cut off. What scrolls by itself may be wider. */
function misplaced() {
  const room = document.documentElement.clientWidth
  const faults = []
  if (document.documentElement.scrollWidth > room) faults.push(`the page is wider than its window of ${room} pixels`)
  for (const element of document.body.querySelectorAll('*:not(.scroll *, svg *, [aria-hidden=true] *)')) {
    const name = `${element.localName}#${element.id}.${element.className}`
    const { left, right } = element.getBoundingClientRect()
    if (left < -1 || right > room + 1) faults.push(`${name} stands outside`)
    const { clientWidth, scrollWidth, childElementCount } = element
    const { overflowX } = getComputedStyle(element)
    const isCutOff = overflowX === 'hidden' || (overflowX === 'visible' && childElementCount === 0)
    if (isCutOff && clientWidth > 0 && scrollWidth > clientWidth + 1) faults.push(`${name} is cut off`)
  }
  return faults
}

/** Runs in the page: words of buttons that are broken in two, short as they are. */
function brokenWords() {
  const LETTERS_MAX = 12
  const lines = (node, { index, 0: word }) => {
    const range = document.createRange()
    range.setStart(node, index)
    range.setEnd(node, index + word.length)
    return range.getClientRects().length
  }
  const texts = (node) => (node.nodeType === Node.TEXT_NODE ? [node] : [...node.childNodes].flatMap(texts))
  return [...document.querySelectorAll('.button')]
    .flatMap(texts)
    .flatMap((node) => [...node.textContent.matchAll(/\S+/g)]
      .filter((match) => match[0].length <= LETTERS_MAX && lines(node, match) > 1)
      .map(([word]) => `“${word}” is broken in two`))
}
