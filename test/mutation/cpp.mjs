// The mutations of a C++ file, found by line: the source is formatted by clang-format, so operators stand between spaces.

const RULES = [
  ['sign', / \+ /g, ' - '],
  ['sign', / - /g, ' + '],
  ['sign', / \+= /g, ' -= '],
  ['sign', / -= /g, ' += '],
  ['bound', / < /g, ' <= '],
  ['bound', / <= /g, ' < '],
  ['bound', / > /g, ' >= '],
  ['bound', / >= /g, ' > '],
  ['guard', / == /g, ' != '],
  ['guard', / != /g, ' == '],
  ['guard', / && /g, ' || '],
  ['guard', / \|\| /g, ' && '],
  ['index', /\[([a-z]\w*)\]/g, '[$1 ^ 1]'],
];

const SKIPPED = /^\s*(\/\/|#|template|static_assert|using|namespace|constexpr KernelTable)/;

export function mutationsOf(source) {
  const found = [];
  let offset = 0;
  for (const [index, line] of source.split('\n').entries()) {
    const code = line.replace(/\/\/.*$/, '');
    if (!SKIPPED.test(line)) {
      for (const [kind, pattern, text] of RULES) {
        for (const match of code.matchAll(pattern)) {
          const start = offset + match.index;
          found.push({ kind, start, end: start + match[0].length, text: text.replace('$1', match[1] ?? ''), line: index + 1 });
        }
      }
    }
    offset += line.length + 1;
  }
  return found;
}
