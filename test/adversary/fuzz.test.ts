/** Quick fuzzing of every parser of the network and of files; `npm run test:fuzz` does a million each. */
import t from 'tap';
import { InputError } from '../../src/core/errors.js';
import { fileTargets } from './support/file-targets.js';
import { fuzz, targets, throwing } from './support/fuzz.js';

t.setTimeout(120_000);

for (const target of [...(await targets()), ...fileTargets()]) {
  t.test(`${target.name}: 400 mutations, only the promised kind of failure`, async (t) => {
    for (const sample of target.samples) t.ok(target.read(sample), 'control: what it starts from is taken');
    const { findings, taken, executions } = fuzz(target, 400, 1);
    t.same(findings, []);
    t.ok(taken < executions, 'most are refused');
  });
}

t.test('negative control: a parser that throws something else is found', async (t) => {
  const careless = (bytes: Uint8Array) => (JSON.parse(new TextDecoder().decode(bytes)) as { a: { b: number } }).a.b;
  const samples = [new TextEncoder().encode('{"a":{"b":1}}')];
  t.ok(fuzz({ name: 'careless', samples, read: throwing(InputError, careless) }, 100, 1).findings.length > 0);
});
