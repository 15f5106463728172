/** `kv help templates` */
export const TEMPLATES_TOPIC = String.raw`
Fields and templates

A field is named by the names that lead to it, joined by dots: id, address.city. A number is
also an element of an array, counted from 0: tags.0. A name with a dot, comma, colon, quote or
brace in it stands in double quotes, as in JSON: "a.b". In CSV and TSV a field is a column.

A template is text with fields in braces: 'user:{country}:{id}'. {{ and }} are braces. Of a
string {field} is the text; of a number, true or false what is written in the source; of an
array or object its source, which no key may have.

A field may be padded to a width, so that keys sort as people expect:
  {id:08}     a number, with zeros before it to 8 digits: 7 is 00000007, 1.5 is 00000001.5
  {name:<8}   text, with blanks behind it to 8 characters
  {name:>8}   text, with blanks before it
  {name:*>8}  text, with asterisks before it; any other character does as well

Input: kv batch-put --key and --value
  Each takes a field, or a template where it has a brace. A record without one of the fields,
  or with null in it, is refused, and so is a number that cannot be padded: one that is
  negative or has too many digits. Fields of --lines are line and number; of --files path,
  name, stem, ext and dir.

Output: kv range and kv get
  --template  a line for each entry, from key, value, expires, and value.FIELD for a field of a
              value that is JSON. A field that is missing or null is empty; what cannot be
              padded stays as it is. \n \t \0 and \\ are escapes; -0 of kv range ends the
              lines with a NUL.
  --columns   key, value, expires, or a field of the value without value. before it; "key" in
              double quotes is a field of the value. As CSV, TSV, JSON or a table.
  --field     one field in the place of the value; kv get KEY .FIELD is the same.

Examples
  $ cat people.jsonl
  {"id":7,"name":"Ada Lovelace","address":{"city":"London"},"tags":["maths"]}
  {"id":12,"name":"Linus","address":{"city":"Portland"},"tags":[]}
  $ kv batch-put --quiet --key 'user:{id:04}' people.jsonl
  $ kv batch-put --quiet --key 'city:{address.city}:{id}' --value name people.jsonl
  $ kv range --keys
  city:London:7
  city:Portland:12
  user:0007
  user:0012
  $ kv get user:0007 .address.city
  London
  $ kv get city:London:7
  Ada Lovelace
  $ kv range --prefix user: --template '{value.id:>4} {value.name}'
     7 Ada Lovelace
    12 Linus
  $ kv range --prefix user: --columns id,name,address.city --format csv
  id,name,address.city
  7,Ada Lovelace,London
  12,Linus,Portland
  $ kv range --prefix user: --values --field name
  Ada Lovelace
  Linus
`
