import { z } from 'zod';

const containerSchema = z.looseObject({
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).optional(),
  volumeMounts: z.array(z.looseObject({ mountPath: z.string() })).optional(),
});

const podSchema = z.looseObject({
  automountServiceAccountToken: z.boolean().optional(),
  enableServiceLinks: z.boolean().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.unknown().optional(),
  containers: z.array(containerSchema).optional(),
});

/** What the tests look at in a manifest of Kubernetes; whether the rest is right is the validator's business. */
export const manifestSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  data: z.record(z.string(), z.string()).optional(),
  spec: z
    .looseObject({
      jobLabel: z.string().optional(),
      strategy: z.looseObject({ type: z.string() }).optional(),
      template: z
        .looseObject({
          metadata: z.looseObject({ labels: z.record(z.string(), z.string()).optional() }).optional(),
          spec: podSchema.optional(),
        })
        .optional(),
    })
    .optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
