import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import uplotCss from 'uplot/dist/uPlot.min.css?raw'
import uplotCode from 'uplot/dist/uPlot.iife.min.js?raw'
import { reasonOf, usageError } from '../../../errors.ts'
import { facts } from '../facts.ts'
import { notes } from '../notes.ts'
import { formatRatio } from '../numbers.ts'
import type { Report } from '../report.ts'
import { rowsOf } from '../rows.ts'
import code from './client.js?raw'
import css from './page.css?raw'

const START = '<!doctype html>'

/**
 * Throws `KV_USAGE` where a page cannot be written, before an hour is spent on measuring: no such
 * folder, a folder, or a file that is no HTML page and so somebody's data.
 */
export function checkPage(path: string): void {
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true)
    throw usageError(`cannot write ${path}: no such folder`)
  const there = statSync(path, { throwIfNoEntry: false })
  try {
    accessSync(there === undefined ? dirname(path) : path, constants.W_OK)
  } catch (cause) {
    throw usageError(`cannot write ${path}: ${reasonOf(cause)}`)
  }
  if (there === undefined) return
  if (there.isDirectory()) throw usageError(`cannot write ${path}: it is a folder`)
  if (!there.isFile() || there.size === 0) return
  if (readFileSync(path).toString('latin1', 0, START.length).toLowerCase() !== START)
    throw usageError(`${path} is there already and is no HTML page`, 'name another file for the page')
}

/** One page that shows a report, with everything it needs inside: it loads nothing. */
export function htmlPage(report: Report): string {
  const shown = { ...report, facts: facts(report), notes: notes(report), ratios: ratios(report) }
  // In a script element only `</script` and `<!--` could end the data early.
  const data = JSON.stringify(shown).replaceAll('<', String.raw`\u003c`)
  return `${START}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>kv bench: ${report.settings.workload}</title>
<style>${uplotCss}${css}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="data">${data}</script>
<script>${uplotCode}</script>
<script>${code}</script>
</body>
</html>
`
}

/** The ratios of whole steps to kv as the table prints them, by step and store. */
function ratios(report: Report): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {}
  for (const { step, measure, target, ratio } of rowsOf(report)) {
    if (measure === step && ratio !== undefined) (found[step.name] ??= {})[target] = formatRatio(ratio)
  }
  return found
}
