/**
 * Draws the report that stands in the page: bars of throughput, and for each step where its
 * latencies lie and how it went over time. Runs in a browser, with uPlot; whatever comes from the
 * report becomes text nodes only.
 */
'use strict'
;(() => {
  const report = JSON.parse(document.getElementById('data').textContent)
  const main = document.getElementById('report')
  const targets = report.targets
  const charts = []
  const HEIGHT = 220

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const color = (target) => `var(--s${targets.indexOf(target) % 7})`
  const stroke = (target) => () => css(`--s${targets.indexOf(target) % 7}`)
  const rate = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))
  const time = (ns) => {
    const units = ['ns', 'µs', 'ms', 's']
    let unit = 0
    let value = ns
    for (; value >= 999.5 && unit < 3; unit++) value /= 1000
    return `${value >= 99.5 || unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`
  }
  const short = (ns) => time(ns).replace(/\.0+ /, ' ')

  function element(name, attributes, ...children) {
    const node = document.createElement(name)
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
    node.append(...children)
    return node
  }

  function head() {
    main.append(
      element('h1', {}, `kv bench: ${report.settings.workload}`),
      ...report.facts.map((text) => element('p', {}, text)),
      element('p', {}, new Date(report.created).toLocaleString()),
    )
  }

  function bar(name, value, share, fill, note) {
    return [
      element('span', {}, name),
      element('div', { class: 'bar', style: `width:${Math.max(0.2, share * 100)}%;background:${fill}` }),
      element('span', { class: 'figure' }, `${rate(value)}/s${note}`),
    ]
  }

  /** The steps of the only target, side by side; they lie decades apart. */
  function overview() {
    if (targets.length > 1) return
    const steps = targets[0].steps
    const most = Math.log10(1 + Math.max(...steps.map((step) => step.operations_per_second)))
    main.append(
      element('h2', {}, 'Operations per second'),
      element(
        'div',
        { class: 'card' },
        element('h3', {}, 'logarithmic scale'),
        element(
          'div',
          { class: 'bars' },
          ...steps.flatMap((step) =>
            bar(
              step.name,
              step.operations_per_second,
              Math.log10(1 + step.operations_per_second) / most,
              'var(--s0)',
              '',
            ),
          ),
        ),
      ),
    )
  }

  function axis(values, extra) {
    return {
      stroke: () => css('--faint'),
      grid: { stroke: () => css('--line'), width: 1 },
      ticks: { stroke: () => css('--line'), width: 1 },
      font: '12px system-ui',
      values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : values(tick))),
      ...extra,
    }
  }

  function chart(box, options, data) {
    const width = Math.max(200, box.clientWidth)
    const made = new uPlot(
      { width, height: HEIGHT, legend: { show: false }, cursor: { points: { size: 6 } }, ...options },
      data,
      box,
    )
    charts.push([made, box])
  }

  /** Where the latencies lie: per cent of the operations in each bucket. */
  function latencies(box, present) {
    const all = [...new Set(present.flatMap(({ step }) => step.histogram_ns.map(([upTo]) => upTo)))].sort(
      (a, b) => a - b,
    )
    const series = present.map(({ step }) => {
      const counts = new Map(step.histogram_ns)
      const [from, to] = [step.histogram_ns[0]?.[0] ?? 0, step.histogram_ns.at(-1)?.[0] ?? 0]
      return all.map((upTo) => (upTo < from || upTo > to ? null : ((counts.get(upTo) ?? 0) / step.operations) * 100))
    })
    chart(
      box,
      {
        scales: { x: { time: false, distr: 3 }, y: { range: (_, __, max) => [0, max * 1.05 || 1] } },
        axes: [axis(short, { space: 60 }), axis((value) => `${value} %`, { size: 56 })],
        series: [
          {},
          ...present.map(({ target }) => ({
            label: target.name,
            stroke: stroke(target),
            width: 1.5,
            fill: () => `${css(`--s${targets.indexOf(target) % 7}`)}22`,
            paths: uPlot.paths.stepped({ align: -1 }),
            points: { show: false },
          })),
        ],
      },
      [all.map((upTo) => Math.max(1, upTo)), ...series],
    )
  }

  /** Operations per second in each slot of time. */
  function timeline(box, present) {
    const slot = Math.max(...present.map(({ step }) => step.timeline.slot_ms))
    const length = Math.max(
      ...present.map(({ step }) => Math.ceil((step.timeline.operations.length * step.timeline.slot_ms) / slot)),
    )
    const xs = Array.from({ length }, (_, i) => (i * slot) / 1000)
    const series = present.map(({ step }) => {
      const { slot_ms: own, operations } = step.timeline
      const sums = xs.map(() => 0)
      operations.forEach((count, i) => (sums[Math.floor((i * own) / slot)] += count))
      // The last slot is rarely full, and would look like a fall.
      const full = Math.floor((operations.length * own) / slot) - 1
      return sums.map((sum, i) => (i < Math.max(1, full) ? (sum / slot) * 1000 : null))
    })
    chart(
      box,
      {
        scales: { x: { time: false }, y: { range: (_, __, max) => [0, max * 1.08 || 1] } },
        axes: [
          axis((value) => `${value} s`),
          axis((value) => (value >= 1000 ? `${value / 1000}k` : String(value)), { size: 56 }),
        ],
        series: [
          {},
          ...present.map(({ target }) => ({
            label: target.name,
            stroke: stroke(target),
            width: 1.5,
            points: { show: length < 3 },
          })),
        ],
      },
      [xs, ...series],
    )
  }

  function steps() {
    for (const { name } of targets[0].steps) {
      const present = targets.flatMap((target) =>
        target.steps.filter((step) => step.name === name && step.operations > 0).map((step) => ({ target, step })),
      )
      if (present.length === 0) continue
      const left = element('div', {}, element('h3', {}, 'Latency: share of operations, logarithmic time'))
      const right = element('div', {}, element('h3', {}, 'Operations per second over time'))
      const first = present[0].step
      const most = Math.max(...present.map(({ step }) => step.operations_per_second))
      const bars = present
        .map(({ target, step }) =>
          bar(
            target.name,
            step.operations_per_second,
            step.operations_per_second / most,
            color(target),
            name in report.ratios && target.name in report.ratios[name]
              ? `  (${report.ratios[name][target.name]})`
              : '',
          ),
        )
        .flat()
      const entries = first.entries / first.operations
      const card = element(
        'div',
        { class: 'card' },
        ...(targets.length > 1 ? [element('div', { class: 'bars' }, ...bars)] : []),
        element('div', { class: 'pair' }, left, right),
        table(present.flatMap(lines)),
      )
      main.append(element('h2', {}, entries > 1 ? `${name} (${rate(entries)} entries each)` : name), card)
      latencies(left, present)
      timeline(right, present)
    }
  }

  function lines({ target, step }) {
    const kinds = step.operations_by_name.map((kind) => [`${target.name}: ${kind.name}`, kind])
    return [[target.name, step], ...kinds]
  }

  function table(rows) {
    const columns = ['mean', 'min', 'p50', 'p95', 'p99', 'p999', 'max']
    const cells = rows.map(([name, measure]) =>
      element(
        'tr',
        {},
        element('td', {}, name),
        element('td', {}, rate(measure.operations_per_second)),
        ...columns.map((column) => element('td', {}, time(measure.latency_ns[column]))),
      ),
    )
    return element(
      'div',
      { class: 'scroll' },
      element(
        'table',
        {},
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            ...['', 'ops/s', ...columns.map((column) => column.replace('p999', 'p99.9'))].map((text) =>
              element('th', {}, text),
            ),
          ),
        ),
        element('tbody', {}, ...cells),
      ),
    )
  }

  function comparison() {
    if (report.comparison === null) return
    const rows = report.comparison.steps.map((step) =>
      element(
        'tr',
        {},
        ...[step.step, rate(step.old_per_second), rate(step.new_per_second), step.ratio.toFixed(2), step.verdict].map(
          (text) => element('td', {}, text),
        ),
      ),
    )
    main.append(
      element('h2', {}, `Against the run of ${new Date(report.comparison.created).toLocaleString()}`),
      element(
        'div',
        { class: 'card scroll' },
        ...report.comparison.differences.map((text) => element('p', {}, `differs: ${text}`)),
        element(
          'table',
          {},
          element(
            'thead',
            {},
            element(
              'tr',
              {},
              ...['step', 'old ops/s', 'new ops/s', 'ratio', ''].map((text) => element('th', {}, text)),
            ),
          ),
          element('tbody', {}, ...rows),
        ),
      ),
    )
  }

  function about() {
    if (report.notes.length === 0) return
    main.append(
      element('h2', {}, 'What to know'),
      element('div', { class: 'card' }, ...report.notes.map((text) => element('p', {}, text))),
    )
  }

  head()
  comparison()
  overview()
  steps()
  about()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const [made] of charts) made.redraw(false, true)
  })
  addEventListener('resize', () => {
    for (const [made, box] of charts) made.setSize({ width: Math.max(200, box.clientWidth), height: HEIGHT })
  })
})()
