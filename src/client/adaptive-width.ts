/** How many transfers run at once: as many as make the whole faster. */
export interface AdaptiveWidth {
  /** How many may run now. */
  current(this: void): number;
  /** One ended well, after bringing these bytes. */
  succeeded(this: void, bytes: number): void;
  /** The other side was too slow, or asked for less: go on with half. */
  struggled(this: void): void;
}

export interface WidthBounds {
  readonly first: number;
  readonly most: number;
}

/** Four saturate most links; sixteen help on long ones (bandwidth times delay), and are few for a server. */
export const DEFAULT_WIDTH: WidthBounds = { first: 4, most: 16 };
/** More at once has to pay by this factor, or it is taken back: each one more costs memory and sockets. */
const WORTHWHILE_GAIN = 1.1;

/**
 * Climbs by half while the rate of the whole grows with it, and settles where it does not; trouble halves it, and ends the
 * climb. The rate is taken over as many transfers as ran at once.
 */
export function createAdaptiveWidth({ first, most }: WidthBounds, nowMs: () => number): AdaptiveWidth {
  let width = first;
  let widthBefore = first;
  let rateBefore = 0;
  let settled = first >= most;
  let windowBytes = 0;
  let windowCount = 0;
  let windowStartMs = nowMs();

  function restartWindow(): void {
    windowBytes = 0;
    windowCount = 0;
    windowStartMs = nowMs();
  }

  function climb(rate: number): void {
    if (rate > rateBefore * WORTHWHILE_GAIN) {
      rateBefore = rate;
      widthBefore = width;
      width = Math.min(most, width + Math.max(1, Math.floor(width / 2)));
    } else {
      width = widthBefore;
    }
    settled = width === widthBefore;
  }

  return {
    current: () => width,
    succeeded(bytes) {
      if (settled) return;
      windowBytes += bytes;
      windowCount += 1;
      if (windowCount < width) return;
      climb(windowBytes / Math.max(1, nowMs() - windowStartMs));
      restartWindow();
    },
    struggled() {
      width = Math.max(1, Math.floor(width / 2));
      settled = true;
    },
  };
}

/** A width that stays as the caller said. */
export function fixedWidth(width: number): AdaptiveWidth {
  return { current: () => width, succeeded: () => undefined, struggled: () => undefined };
}
