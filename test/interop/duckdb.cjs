/** `duckdb [FILE] -c SQL` by the library of DuckDB, where its program is not installed. */
const { DuckDBInstance } = require('@duckdb/node-api')

async function run([file, ...rest]) {
  const [database, sql] = file === '-c' ? [':memory:', rest[0]] : [file, rest[1]]
  const connection = await (await DuckDBInstance.create(database)).connect()
  const reader = await connection.runAndReadAll(sql)
  // COPY answers with a count, which the program does not print.
  if (/^\s*(?:select|from)\b/i.test(sql)) for (const row of reader.getRows()) console.log(row.join('|'))
}

run(process.argv.slice(2)).catch((error) => {
  console.error(String(error))
  process.exit(1)
})
