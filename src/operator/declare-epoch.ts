import { openDeclaredEpoch } from '../audit/epoch.ts';
import type { Epoch } from '../audit/epoch-store.ts';
import { establishSigner } from '../keys/signer.ts';
import type { Installation } from './installation.ts';

/** Opens an epoch of the audit trail by an operator's word, signed by the installation's key. */
export async function declareEpoch(services: Installation['services'], note: string): Promise<Epoch> {
  const signer = await establishSigner(services, services.settings.signingKeyFile);
  return await openDeclaredEpoch({ ...services, signer }, note);
}
