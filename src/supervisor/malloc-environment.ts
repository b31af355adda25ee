/**
 * How the C library's allocator of our processes deals with what is freed. By itself it has a pool for each thread
 * and raises its thresholds with the largest block that it has seen, and so keeps what a burst of large bodies
 * has used. The Dockerfile says the same; other systems than glibc's do not know these names.
 */
export const MALLOC_ENVIRONMENT = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;
