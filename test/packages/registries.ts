import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** This machine by its name: an address of loopback would be the container's own to some of the managers. */
const name = os.hostname()

/** Registries of packages on loopback, one server for all managers, each with one package or two. */
export interface Registries extends AsyncDisposable {
  /** `host:port` */
  host: string
  /** What makes the managers use them. */
  settings: { hosts: string[]; environment: Record<string, string>; aptSources: string }
  /** Paths that were asked for. */
  requests: string[]
  /** From now on requests wait until it is called. */
  hold(): () => void
}

export async function startRegistries(folder: string): Promise<Registries> {
  const requests: string[] = []
  const content = new Map<string, Buffer | string>()
  let gate: Promise<void> = Promise.resolve()
  const { address } = await lookup(name, { family: 4 })
  const server = createServer(async (request, response) => {
    const wanted = decodeURIComponent(request.url!)
    requests.push(wanted)
    await gate
    const found = content.get(wanted)
    if (wanted.startsWith('/simple/')) response.setHeader('content-type', 'text/html')
    response.statusCode = found === undefined ? 404 : 200
    response.end(found ?? 'not found')
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const host = `${name}:${(server.address() as AddressInfo).port}`
  const url = `http://${host}`
  await mkdir(folder, { recursive: true })
  await fillNpm(content, url, path.join(folder, 'npm'))
  await fillPip(content, url, path.join(folder, 'pip'))
  await fillGo(content, path.join(folder, 'go'))
  await fillApt(content, path.join(folder, 'apt'))
  const aptSources = path.join(folder, 'sources.list')
  await writeFile(aptSources, `deb [trusted=yes] ${url}/apt ./\n`)
  await chmod(aptSources, 0o644)
  const environment = {
    npm_config_registry: `${url}/npm/`,
    PIP_INDEX_URL: `${url}/simple`,
    PIP_TRUSTED_HOST: name,
    GOPROXY: `${url}/go`,
    GONOSUMDB: '*',
    GOTOOLCHAIN: 'local',
  }
  return {
    host,
    settings: { hosts: [host], environment, aptSources },
    requests,
    hold() {
      const held = Promise.withResolvers<void>()
      gate = held.promise
      return held.resolve
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Content = Map<string, Buffer | string>

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text, { mode: 0o755 })
  }
}

/** `shouter` 1.0.0 and 2.0.0: a module and a program. */
async function fillNpm(content: Content, url: string, folder: string): Promise<void> {
  const versions: Record<string, unknown> = {}
  for (const version of ['1.0.0', '2.0.0']) {
    const manifest = { name: 'shouter', version, bin: { shout: 'shout.js' }, main: 'index.js' }
    await write(path.join(folder, version), {
      'package/package.json': JSON.stringify(manifest),
      'package/index.js': `module.exports = (text) => text.toUpperCase() + ' ${version}'\n`,
      'package/shout.js': `#!/usr/bin/env node\nconsole.log(require('./index.js')(process.argv[2]))\n`,
    })
    const file = path.join(folder, `shouter-${version}.tgz`)
    await run('tar', ['-czf', file, '-C', path.join(folder, version), 'package'])
    const tarball = await readFile(file)
    content.set(`/npm/shouter/-/shouter-${version}.tgz`, tarball)
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    versions[version] = { ...manifest, dist: { tarball: `${url}/npm/shouter/-/shouter-${version}.tgz`, integrity } }
  }
  content.set('/npm/shouter', JSON.stringify({ name: 'shouter', 'dist-tags': { latest: '2.0.0' }, versions }))
}

/** `whisperer` 1.0 and 2.0: a module and a program. */
async function fillPip(content: Content, url: string, folder: string): Promise<void> {
  const links: string[] = []
  for (const version of ['1.0', '2.0']) {
    const info = `whisperer-${version}.dist-info`
    const name = `whisperer-${version}-py3-none-any.whl`
    const source = path.join(folder, version)
    const files = {
      'whisperer.py': `def whisper(text): return text.lower() + ' ${version}'\ndef main():\n  import sys; print(whisper(sys.argv[1]))\n`,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: whisperer\nVersion: ${version}\n`,
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${info}/entry_points.txt`]: '[console_scripts]\nwhisper = whisperer:main\n',
      [`${info}/RECORD`]: `whisperer.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/entry_points.txt,,\n${info}/RECORD,,\n`,
    }
    await write(source, files)
    await zip(path.join(folder, name), source, Object.keys(files))
    content.set(`/wheels/${name}`, await readFile(path.join(folder, name)))
    links.push(`<a href="${url}/wheels/${name}">${name}</a>`)
  }
  content.set('/simple/whisperer/', `<!DOCTYPE html><html><body>${links.join('\n')}</body></html>`)
}

/** `example.com/greeter` v1.0.0: a program. */
async function fillGo(content: Content, folder: string): Promise<void> {
  const module = 'go.mod'
  const prefix = 'example.com/greeter@v1.0.0'
  await write(folder, {
    [`${prefix}/${module}`]: 'module example.com/greeter\n',
    [`${prefix}/main.go`]: 'package main\n\nfunc main() { println("greetings") }\n',
  })
  await zip(path.join(folder, 'greeter.zip'), folder, [`${prefix}/${module}`, `${prefix}/main.go`])
  const at = '/go/example.com/greeter/@v'
  content.set(`${at}/list`, 'v1.0.0\n')
  content.set(`${at}/v1.0.0.info`, JSON.stringify({ Version: 'v1.0.0', Time: '2026-01-01T00:00:00Z' }))
  content.set('/go/example.com/greeter/@latest', content.get(`${at}/v1.0.0.info`)!)
  content.set(`${at}/v1.0.0.mod`, 'module example.com/greeter\n')
  content.set(`${at}/v1.0.0.zip`, await readFile(path.join(folder, 'greeter.zip')))
}

/** `holdfast-tool` 1.2, which depends on `holdfast-data`: a program in /usr/bin, data and a setting in /etc. */
async function fillApt(content: Content, folder: string): Promise<void> {
  const packages = {
    'holdfast-tool': {
      depends: 'holdfast-data',
      files: {
        'usr/bin/holdfast-tool': '#!/bin/sh\ncat /usr/share/holdfast-data/words /etc/holdfast-tool.conf\n',
        'etc/holdfast-tool.conf': 'configured\n',
        'usr/bin/holdfast-tool.best': '#!/bin/sh\necho best\n',
        'usr/share/holdfast-tool/page': '#!/bin/sh\necho page\n',
        'DEBIAN/postinst': [
          '#!/bin/sh',
          'set -e',
          'ldconfig',
          'update-alternatives --install /usr/bin/tool tool /usr/bin/holdfast-tool 10',
          'update-alternatives --install /usr/bin/tool tool /usr/bin/holdfast-tool.best 50 --slave /usr/bin/page page /usr/share/holdfast-tool/page',
          'update-alternatives --install /usr/bin/tool tool /usr/bin/holdfast-tool 20 || true',
        ].join('\n'),
        // Packages still name what is a link to /usr.
        'bin/holdfast-old': '#!/bin/sh\necho old\n',
      },
    },
    'holdfast-data': { depends: '', files: { 'usr/share/holdfast-data/words': 'words of data\n' } },
  }
  const index: string[] = []
  for (const [name, { depends, files }] of Object.entries(packages)) {
    const control = [
      `Package: ${name}`,
      'Version: 1.2',
      'Architecture: all',
      'Maintainer: Tests <tests@example.com>',
      ...(depends ? [`Depends: ${depends}`] : []),
      `Description: ${name}`,
    ].join('\n')
    const source = path.join(folder, name)
    await write(source, { ...files, 'DEBIAN/control': `${control}\n` })
    const file = path.join(folder, `${name}.deb`)
    await run('dpkg-deb', ['--build', '--root-owner-group', source, file])
    const built = await readFile(file)
    content.set(`/apt/./${name}.deb`, built)
    content.set(`/apt/${name}.deb`, built)
    const sha256 = createHash('sha256').update(built).digest('hex')
    index.push(`${control}\nFilename: ./${name}.deb\nSize: ${built.length}\nSHA256: ${sha256}\n`)
  }
  content.set('/apt/./Packages', index.join('\n'))
  content.set('/apt/Packages', index.join('\n'))
}

/** A zip of files, without entries for their folders. */
async function zip(file: string, folder: string, names: string[]): Promise<void> {
  const script =
    "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n  for name in sys.argv[2:]: z.write(name)"
  await run('python3', ['-c', script, file, ...names], { cwd: folder })
}
