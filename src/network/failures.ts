/** How a call can fail, and what that says of the peer. */
import { printable, SHOWN_OF_STRANGERS } from '../core/printable.js';
import { firstNonFinite } from './tensor.js';
import { type Answer, type Failure, type Request, type Tensor, TransportError } from './types.js';

/** What a caller makes of an answer. */
export type Verdict<T> = { readonly value: T } | { readonly failure: Failure };

/** A failure found on this side. */
export function bad(code: Failure['code'], reason: string): { readonly failure: Failure } {
  return { failure: { code, by: 'caller', reason: printable(reason, { most: SHOWN_OF_STRANGERS }), retryAfter_ms: 0 } };
}

export function finite<T>(tensor: Tensor, value: T): Verdict<T> {
  return firstNonFinite(tensor.data) < 0 ? { value } : bad('nonfinite', 'the answer holds NaN or infinity');
}

export function receive<T>(answer: Answer, request: Request, judge: (answer: Answer & { ok: true }) => Verdict<T>): Verdict<T> {
  if (answer.nonce !== request.nonce) return bad('replay', 'the answer belongs to another request');
  if (answer.ok) return judge(answer);
  return {
    failure: {
      code: answer.code,
      by: 'peer',
      reason: printable(answer.reason, { most: SHOWN_OF_STRANGERS }),
      retryAfter_ms: answer.retryAfter_ms,
    },
  };
}

export function transportFailure(error: unknown): Failure {
  if (error instanceof TransportError) return bad(error.code, error.message).failure;
  return bad('unreachable', error instanceof Error ? error.message : String(error)).failure;
}

/** How a failure counts towards a ban: no honest peer sends a grave one; a refusal is the peer's right. */
export function gravity(failure: Failure): 'none' | 'plain' | 'grave' {
  if (failure.by === 'peer') return failure.code === 'handler' ? 'plain' : 'none';
  switch (failure.code) {
    case 'timeout':
    case 'unreachable':
      return 'plain';
    case 'nonfinite':
    case 'shape':
    case 'oversize':
    case 'replay':
    case 'signature':
    case 'malformed':
      return 'grave';
    default:
      return 'none';
  }
}
