import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auditPath, hashLeaf, rootOf, rootOfPath } from '../../src/kernel/merkle-tree.ts';

/** The leaves and roots that implementations of Certificate Transparency test with. */
const KNOWN_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const KNOWN_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => hashLeaf(`leaf ${index}`));

describe('the hash tree (RFC 6962 §2.1)', () => {
  test('has the roots that are known', () => {
    const leaves = KNOWN_LEAVES.map((hex) => hashLeaf(Buffer.from(hex, 'hex')));
    const roots = KNOWN_ROOTS.map((_, index) => rootOf(leaves.slice(0, index + 1)).toString('hex'));
    expect(roots).toEqual(KNOWN_ROOTS);
    expect(rootOf([])).toEqual(createHash('sha256').digest());
  });

  test('proves every leaf of every size, and none at another place, of another size or with another path', () => {
    for (let size = 1; size <= 40; size += 1) {
      const leaves = leavesOf(size);
      const root = rootOf(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = auditPath(leaves, index);
        expect(rootOfPath(leaf, index, size, path)).toEqual(root);
        for (const other of [index - 1, index + 1]) expect(rootOfPath(leaf, other, size, path)).not.toEqual(root);
        if (path.length > 0) expect(rootOfPath(leaf, index, size, path.slice(1))).not.toEqual(root);
        expect(rootOfPath(leaf, index, size, [...path, leaf])).not.toEqual(root);
        expect(rootOfPath(hashLeaf('another'), index, size, path)).not.toEqual(root);
      }
    }
  });

  test('a path is as long as the tree is high', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, at) => {
        const path = auditPath(leavesOf(size), at % size);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      }),
      { numRuns: 50 },
    );
  });

  test('a node does not pass for a leaf', () => {
    const [left, right] = [hashLeaf('a'), hashLeaf('b')];
    expect(hashLeaf(Buffer.concat([left, right]))).not.toEqual(rootOf([left, right]));
  });
});
