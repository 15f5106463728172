import { GLOBAL_OPTION_LIST, type GlobalOption } from './options.ts'
import { CARE_TOPIC } from './topics/care.ts'
import { DURABILITY_TOPIC } from './topics/durability.ts'
import { ETCD_TOPIC } from './topics/etcd.ts'
import { EXIT_CODES_TOPIC } from './topics/exit-codes.ts'
import { FORMATS_TOPIC } from './topics/formats.ts'
import { RECIPES } from './topics/recipes.ts'
import { TEMPLATES_TOPIC } from './topics/templates.ts'

const ENVIRONMENT_TOPIC = `
Environment
${GLOBAL_OPTION_LIST.map(environmentRow).join('\n')}
  KV_TOKEN          token of a kv serve, for http:// stores; KV_TOKEN_FILE: a file with it
  KV_PASSWORD_FILE  file with the password of the user in etcd://USER@...
  FORCE_COLOR       1: colour also where there is no terminal
A flag wins over its variable.
`

/** Texts of `kv help TOPIC`. */
export const TOPICS: Readonly<Record<string, string>> = {
  'exit-codes': EXIT_CODES_TOPIC,
  formats: FORMATS_TOPIC,
  templates: TEMPLATES_TOPIC,
  recipes: RECIPES,
  care: CARE_TOPIC,
  environment: ENVIRONMENT_TOPIC,
  durability: DURABILITY_TOPIC,
  etcd: ETCD_TOPIC,
}

function environmentRow({ flags, variable, help, environmentNote = '' }: GlobalOption): string {
  const means = `${flags.includes('<') ? '' : '1: '}${help.replace(/:.*/, '')}`
  return `  ${variable.padEnd(16)}  ${means} (${/--[a-z-]+/.exec(flags)![0]})${environmentNote}`
}
