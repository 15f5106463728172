import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

/** The compiler whose programs can be asked: version 7 has no such interface. */
const ts = createRequire(import.meta.url)('typescript-5.4') as typeof import('typescript-5.4')

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const INDEX = join(DIST, 'types/index.d.ts')

const program = ts.createProgram([INDEX], {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
  types: [],
})
const checker = program.getTypeChecker()
const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(INDEX)!)!)
const targets = exported.map((symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
)

test('the library exports these names, as ES module and to require()', async () => {
  const values = Object.keys((await import(pathToFileURL(join(DIST, 'index.js')).href)) as object).sort()
  expect(Object.keys(createRequire(import.meta.url)(join(DIST, 'cjs/index.js')) as object).sort()).toEqual(values)
  const names = exported.map(({ name }) => (values.includes(name) ? name : `type ${name}`))
  await expect(`${names.sort().join('\n')}\n`).toMatchFileSnapshot('../../fixtures/library/exports.txt')
})

test('every type that a signature of the library names is exported', () => {
  const unexported = new Set<string>()
  const visit = (node: import('typescript-5.4').Node): void => {
    if (
      ts.isIdentifier(node) &&
      (ts.isTypeReferenceNode(node.parent) || ts.isExpressionWithTypeArguments(node.parent))
    ) {
      const symbol = checker.getSymbolAtLocation(node)!
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const [declaration] = target.declarations ?? []
      const isOwn = declaration?.getSourceFile().fileName.includes('/dist/types/') === true
      if (isOwn && !ts.isTypeParameterDeclaration(declaration) && !targets.includes(target)) unexported.add(target.name)
    }
    ts.forEachChild(node, visit)
  }
  for (const { declarations = [] } of targets) declarations.forEach(visit)
  expect([...unexported]).toEqual([])
})
