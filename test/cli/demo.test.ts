/** `intermodel demo`: options that would be ignored are refused; a run in which somebody is killed still says what it has to say. */
import { join } from 'node:path';
import t from 'tap';
import { intermodel } from './run.js';

t.setTimeout(240_000);

t.test('options that would be ignored are refused by name', async (t) => {
  const wrong: [string[], string][] = [
    [['--kill', '1@3'], '--kill needs --processes'],
    [['--restart', '5', '--processes'], '--restart needs --kill'],
    [['--no-students'], '--no-students needs --processes'],
    [['--wire', 'int8'], '--wire needs --processes'],
    [['--k', '2', '--budget', '100000'], '--budget sets k'],
    [['--budget', '1'], 'budget does not pay for one peer'],
    [['--participants', '6', '--k', '9'], 'gateK'],
    [['--processes', '--participants', '6', '--kill', '9@10'], 'kill.indices'],
    [['--processes', '--participants', '6', '--rounds', '20', '--kill', '1@30'], 'kill.round'],
    [['--nosuch'], 'unknown option'],
    [['--kill', 'nonsense', '--processes'], 'must look like 2,5,7@60'],
  ];
  for (const [args, problem] of wrong) {
    const { code, stderr } = await intermodel(['demo', ...args]);
    t.equal(code, 2, args.join(' '));
    t.ok(stderr.includes(problem), stderr);
  }
});

t.test('somebody is killed and stays away: no report with holes, but what it cost and how the rest rank each other', async (t) => {
  const run = ['--participants=4', '--rounds=6', '--blocks=6', '--closing-blocks=1', '--kill=1@2'];
  const small = ['--batch=8', '--width=4', '--head-hidden=6', '--largest-shard=60', '--refit-steps=20', '--refit-batch=16'];
  const samples = ['--refit-samples=60', '--validation=40', '--block-validation=20'];
  const out = ['--json', '--out', join(t.testdir(), 'report.html')];
  const { code, stdout } = await intermodel(['demo', '--processes', ...run, ...small, ...samples, ...out]);
  t.equal(code, 0);
  const result = JSON.parse(stdout);
  t.match(result, { kind: 'intermodel-processes', formatVersion: 1, seed: 7, chainVerified: true });
  t.same(
    result.reports.map((report: { status: string }) => report.status),
    ['finished', 'killed', 'finished', 'finished'],
  );
  t.match(result.survival, [{ away: [1], survivors: [0, 2, 3], returned: null }]);
  t.same(result.survivors.map((one: { position: number }) => one.position).sort(), [1, 2, 3]);
});
