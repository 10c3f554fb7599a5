# SPDX-License-Identifier: Apache-2.0
#
# What the scripts here share. Dot-source it. Written for Windows PowerShell 5.1 and later.

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Root = (Resolve-Path -LiteralPath (Join-Path $PSScriptRoot '..\..')).Path
$DriverDirectory = Join-Path $Root 'native-driver\driver'
# In an unpacked release the driver has its own folder.
$ReleaseDirectory = Join-Path $Root 'driver'
$IsRelease = Test-Path -LiteralPath (Join-Path $ReleaseDirectory 'wskbridge.sys') -PathType Leaf
$ServiceName = 'WskBridge'
$DevicePath = '\\.\WskBridge'

function Write-Step([string]$Text) {
    Write-Host "==> $Text"
}

# Ends the script with the problem and its remedy.
function Stop-Script([string]$Text) {
    throw $Text
}

# Runs a program, shows what it prints, and ends the script when it fails.
function Invoke-Program([string]$Path, [string[]]$Arguments) {
    & $Path @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        Stop-Script "$(Split-Path -Leaf $Path) failed with exit code $LASTEXITCODE. Its arguments: $($Arguments -join ' ')"
    }
}

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object Security.Principal.WindowsPrincipal($identity)
    return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Assert-Administrator {
    if (-not (Test-Administrator)) {
        Stop-Script 'This needs an administrator. Open PowerShell with "Run as administrator" and run it again.'
    }
}

# The service of the driver, or $null. Get-Service does not list drivers.
function Get-DriverService {
    return Get-CimInstance -ClassName Win32_SystemDriver -Filter "Name='$ServiceName'"
}

function Test-DriverLoaded {
    $service = Get-DriverService
    return $null -ne $service -and $service.State -ne 'Stopped'
}

# The folder of a release with the driver for a platform.
function Get-ReleaseDriverDirectory([string]$Platform) {
    if ($Platform -eq 'ARM64') {
        return Join-Path $ReleaseDirectory 'arm64'
    }
    return $ReleaseDirectory
}

# Where sign.ps1 leaves a package, for install.ps1.
function Get-PackageDirectory([string]$Platform) {
    if ($IsRelease) {
        return Join-Path (Get-ReleaseDriverDirectory $Platform) 'package'
    }
    return Join-Path $DriverDirectory "target\package\$Platform"
}

# For messages: how to get a driver or a tool of the WDK that is missing.
function Get-BuildHint {
    if ($IsRelease) {
        return 'install the WDK'
    }
    return 'run scripts\windows\build.ps1, which restores the WDK from NuGet, or install the WDK'
}

# The path of a tool of the WDK or the SDK: from the packages that build.ps1 restored, else from an installed kit. The
# newest one wins.
function Find-KitTool([string]$Name) {
    $places = @()
    $packages = Join-Path $DriverDirectory 'target\packages'
    if (Test-Path -LiteralPath $packages) {
        $places += $packages
    }
    if (${env:ProgramFiles(x86)}) {
        $kits = Join-Path ${env:ProgramFiles(x86)} 'Windows Kits\10'
        foreach ($folder in @('bin', 'tools', 'Tools')) {
            $path = Join-Path $kits $folder
            if (Test-Path -LiteralPath $path) {
                $places += $path
            }
        }
    }
    foreach ($place in $places) {
        foreach ($architecture in @('x64', 'x86')) {
            $found = @(Get-ChildItem -LiteralPath $place -Recurse -Filter $Name -File -ErrorAction SilentlyContinue |
                    Where-Object { $_.Directory.Name -eq $architecture } | Sort-Object -Property FullName)
            if ($found.Count -gt 0) {
                return $found[-1].FullName
            }
        }
    }
    Stop-Script "$Name was not found. To have it, $(Get-BuildHint)."
}
