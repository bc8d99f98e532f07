export const MIB_BYTES = 1024 * 1024;
export const GIB_BYTES = 1024 * MIB_BYTES;

/** The small objects of every workload, in the size by which the project's aims are stated. */
export const SMALL_OBJECT_BYTES = 256 * 1024;

/** Requests, or parts, under way at the same time, in the number by which the project's aims are stated. */
export const IN_FLIGHT = 4;
