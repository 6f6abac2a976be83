import { describe, expect, it } from 'vitest'
import { message } from '../support/conversation.ts'
import { rejection } from './rejection.ts'
import type { World } from './world.ts'

export function deploymentConformance(world: World): void {
  describe('deployments', () => {
    it('are created, retrieved, updated, listed, paused, run and archived', async () => {
      const { deployments, deploymentRuns, sessions } = world.client.beta
      const deployment = await deployments.create({
        name: 'Nightly',
        agent: world.host.agent,
        environment_id: world.host.environment,
        initial_events: [message('#say good night')],
        schedule: { type: 'cron', expression: '0 3 29 2 *', timezone: 'Europe/Oslo' },
      })
      expect(deployment).toMatchObject({ type: 'deployment', status: 'active', archived_at: null })
      expect(await deployments.retrieve(deployment.id)).toEqual(deployment)
      const updated = await deployments.update(deployment.id, { description: 'at night' })
      expect(updated.description).toBe('at night')
      expect((await deployments.list()).data).toContainEqual(updated)
      expect((await deployments.pause(deployment.id)).paused_reason).toEqual({ type: 'manual' })
      expect((await deployments.unpause(deployment.id)).paused_reason).toBeNull()
      const run = await deployments.run(deployment.id)
      expect(await deploymentRuns.retrieve(run.id)).toEqual(run)
      expect((await deploymentRuns.list({ deployment_id: deployment.id })).data).toEqual([run])
      expect(await sessions.retrieve(run.session_id!)).toMatchObject({ deployment_id: deployment.id })
      expect((await deployments.archive(deployment.id)).archived_at).not.toBeNull()
      expect(await rejection(deployments.run(deployment.id))).toMatchObject({ status: 400 })
    })
  })
}
