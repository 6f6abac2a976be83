import { describe, expect, it } from 'vitest'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function vaultConformance(world: World): void {
  describe('vaults', () => {
    it('are created, retrieved, updated, listed, archived and deleted', async () => {
      const { vaults } = world.client.beta
      const vault = await vaults.create({ display_name: 'Keys' })
      expect(await vaults.retrieve(vault.id)).toEqual(vault)
      const updated = await vaults.update(vault.id, { display_name: 'Tokens' })
      expect(updated.display_name).toBe('Tokens')
      expect((await vaults.list()).data).toContainEqual(updated)
      expect((await vaults.archive(vault.id)).archived_at).not.toBeNull()
      expect(await vaults.delete(vault.id)).toEqual({ id: vault.id, type: 'vault_deleted' })
      expect(await rejection(vaults.retrieve(vault.id))).toMatchObject({ status: 404 })
    })

    it('hold credentials, whose secrets are in no answer', async () => {
      const { vaults } = world.client.beta
      const { id: vault_id } = await vaults.create({ display_name: 'Keys' })
      const { credentials } = vaults
      const auth = {
        type: 'mcp_oauth' as const,
        mcp_server_url: 'http://127.0.0.1:1/mcp',
        access_token: 'hidden-token',
      }
      const credential = await credentials.create(vault_id, { auth })
      expect(await credentials.retrieve(credential.id, { vault_id })).toEqual(credential)
      const updated = await credentials.update(credential.id, {
        vault_id,
        display_name: 'named',
        auth: { type: 'mcp_oauth', access_token: 'hidden-token-2' },
      })
      expect((await credentials.list(vault_id)).data).toEqual([updated])
      expect(JSON.stringify([credential, updated])).not.toContain('hidden-token')
      // The server's address is private, and may not be dialled.
      expect(await credentials.mcpOAuthValidate(credential.id, { vault_id })).toMatchObject({ status: 'unknown' })
      expect(await rejection(credentials.create(vault_id, { auth }))).toMatchObject({ status: 409 })
      expect((await credentials.archive(credential.id, { vault_id })).archived_at).not.toBeNull()
      expect(await credentials.delete(credential.id, { vault_id })).toEqual({
        id: credential.id,
        type: 'vault_credential_deleted',
      })
    })
  })
}
