/** Peers that answer the same, found by what they answer: raters score them as one and share the score out (false names, copies, thefts). */

/** Answers of all peers to one batch. */
export interface AnswersOptions {
  /** F `[batch, peers, width]`: before the mask. */
  readonly responses: Float64Array;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
}

/**
 * Groups of peers whose answers differ by at most `distance`, as a part of the size of the larger of both (l2 norm over the batch). A peer belongs to the group of
 * whoever it is near to, so a row of near copies is one group.
 *
 * @param distance - in [0, 1); 0 for answers that are equal to the last bit
 * @returns every peer once; groups by their first peer, peers ascending
 * @cost batch x peers^2 x width
 * @example
 * ```ts
 * import { sameAnswers } from 'intermodel/participant';
 * const responses = Float64Array.of(1, 2, 5, 1, 2.02); // one sample, five peers
 * console.log(sameAnswers({ responses, batch: 1, peers: 5, width: 1 }, 0.01)); // [ [ 0, 3 ], [ 1, 4 ], [ 2 ] ]
 * ```
 */
export function sameAnswers(answers: AnswersOptions, distance: number): number[][] {
  const { peers } = answers;
  const square = squares(answers);
  const first = Array.from({ length: peers }, (_, peer) => peer);
  for (let i = 0; i < peers; i++) {
    for (let j = i + 1; j < peers; j++) {
      const most = distance * distance * Math.max(square(i, null), square(j, null));
      if (first[i] === first[j] || square(i, j) > most) continue;
      const [kept, gone] = [Math.min(first[i], first[j]), Math.max(first[i], first[j])];
      for (let k = 0; k < peers; k++) if (first[k] === gone) first[k] = kept;
    }
  }
  return first.flatMap((own, peer) => (own === peer ? [first.flatMap((other, k) => (other === peer ? [k] : []))] : []));
}

/** ||f_i - f_j||^2 over the batch; ||f_i||^2 where j is null. */
function squares({ responses, batch, peers, width }: AnswersOptions): (i: number, j: number | null) => number {
  return (i, j) => {
    let sum = 0;
    for (let b = 0; b < batch; b++) {
      for (let m = 0; m < width; m++) {
        const other = j === null ? 0 : responses[(b * peers + j) * width + m];
        sum += (responses[(b * peers + i) * width + m] - other) ** 2;
      }
    }
    return sum;
  };
}
