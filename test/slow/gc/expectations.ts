/**
 * What a reader must find, from what pushers were told: a blob is there from the answer of a push on until somebody asks for its
 * deletion. While a deletion is on its way, anything may be found.
 */
export class Expectations {
  readonly #blobs = new Map<string, { deletionsBegun: number; deletionsEnded: number; isThere: boolean }>();

  #of(name: string) {
    let blob = this.#blobs.get(name);
    if (blob === undefined) {
      blob = { deletionsBegun: 0, deletionsEnded: 0, isThere: false };
      this.#blobs.set(name, blob);
    }
    return blob;
  }

  /** Before a push. @returns what to call once it was acknowledged. */
  pushing(name: string): () => void {
    const blob = this.#of(name);
    const before = blob.deletionsBegun;
    return () => {
      const isUndisturbed = blob.deletionsBegun === before && blob.deletionsEnded === before;
      if (isUndisturbed) blob.isThere = true;
    };
  }

  /** Before a deletion. @returns what to call once it was answered. */
  deleting(name: string): () => void {
    const blob = this.#of(name);
    blob.deletionsBegun += 1;
    blob.isThere = false;
    return () => {
      blob.deletionsEnded += 1;
    };
  }

  /** Before a read. @returns what tells, after it, whether it had to find the blob all the time. */
  reading(name: string): () => boolean {
    const blob = this.#of(name);
    const { deletionsBegun, isThere } = blob;
    return () => isThere && blob.deletionsBegun === deletionsBegun;
  }
}
