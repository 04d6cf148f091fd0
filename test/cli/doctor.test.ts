import t from 'tap';
import type { Finding } from '../../src/cli/doctor-checks.js';
import { intermodel } from './run.js';

t.test('the doctor says what loaded and from where, as text and as JSON', async (t) => {
  const run = intermodel(['doctor', '--json']);
  t.equal(run.code, 0, run.stderr);
  const findings = new Map((JSON.parse(run.stdout).findings as Finding[]).map((finding) => [finding.name, finding]));
  t.same(
    [...findings.keys()],
    ['intermodel', 'Node', 'native core', 'CUDA', 'tensorflow.js', 'SQLite', 'peer network', 'MNIST digits', 'figures', 'configuration'],
  );
  t.equal(findings.get('Node')!.facts?.['version'], process.versions.node);
  t.match(findings.get('native core')!.facts?.['path'], /intermodel\.node$/);
  for (const finding of findings.values()) {
    t.ok(finding.detail.length > 0, `${finding.name}: ${finding.status}`);
    if (finding.status !== 'ok')
      t.ok(
        finding.attempts!.every((attempt) => attempt.reason !== ''),
        `${finding.name} says what was tried`,
      );
  }
  const text = intermodel(['doctor']).stdout;
  for (const name of findings.keys()) t.ok(text.includes(name), name);
});

t.test('a native core that does not load is named with the reason, and the exit code is 3', async (t) => {
  const run = intermodel(['doctor', '--json'], { env: { INTERMODEL_NATIVE: '/nowhere/intermodel.node' } });
  t.equal(run.code, 3);
  const native = (JSON.parse(run.stdout).findings as Finding[]).find((finding) => finding.name === 'native core')!;
  t.equal(native.status, 'failed');
  t.match(native.attempts, [{ what: 'INTERMODEL_NATIVE=/nowhere/intermodel.node', reason: 'no such file' }]);
});
