import { describe, expect, it } from 'vitest'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function vaultConformance(world: World): void {
  describe('vaults', () => {
    it('are created, read, listed, changed, archived and deleted', async () => {
      const { vaults } = world.client.beta
      const vault = await vaults.create({ display_name: 'Team' })
      const changed = await vaults.update(vault.id, { metadata: { a: '1' } })
      expect(await vaults.retrieve(vault.id)).toEqual(changed)
      expect((await vaults.list({ limit: 1 })).data).toEqual([changed])
      expect((await vaults.archive(vault.id)).archived_at).toMatch(/Z$/)
      expect(await vaults.delete(vault.id)).toMatchObject({ id: vault.id, type: 'vault_deleted' })
    })

    it('hold credentials, whose secrets are in no answer', async () => {
      const { vaults } = world.client.beta
      const { credentials } = vaults
      const { id: vault_id } = await vaults.create({ display_name: 'Secrets' })
      const auth = {
        type: 'static_bearer' as const,
        mcp_server_url: 'https://mcp.example.com/mcp',
        token: 'a-secret-token',
      }
      const credential = await credentials.create(vault_id, { auth })
      const changed = await credentials.update(credential.id, { vault_id, display_name: 'Tracker' })
      expect(await credentials.retrieve(credential.id, { vault_id })).toEqual(changed)
      const { data } = await credentials.list(vault_id)
      expect(data).toEqual([changed])
      expect(JSON.stringify([credential, changed, data])).not.toContain(auth.token)
      expect(await rejection(credentials.mcpOAuthValidate(credential.id, { vault_id }))).toMatchObject({ status: 400 })
      expect((await credentials.archive(credential.id, { vault_id })).archived_at).toMatch(/Z$/)
      expect(await credentials.delete(credential.id, { vault_id })).toMatchObject({ type: 'vault_credential_deleted' })
    })
  })
}
