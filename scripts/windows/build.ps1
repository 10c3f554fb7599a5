<#
.SYNOPSIS
    Builds wskbridge.sys with the WDK, and wskshim.dll.

.DESCRIPTION
    Needs Visual Studio 2022 with "Desktop development with C++", the individual components "Windows Driver Kit" and the
    Spectre-mitigated libraries of the platform, nuget.exe on PATH, and for the shim also CMake, Ninja and Clang, which
    Visual Studio offers too. WDK and SDK themselves come from NuGet, in the version of native-driver\driver\packages.config.

    The driver lands in native-driver\driver\target\PLATFORM\CONFIGURATION, the shim in native-shim\target\windows.

.PARAMETER Platform
    What the driver is built for: x64 or ARM64. The shim is built for x64.

.PARAMETER Configuration
    Release or Debug.

.PARAMETER UseInstalledWdk
    Takes the WDK that is installed on this machine in place of the one from NuGet.

.PARAMETER SkipDriver
    Builds the shim alone.

.PARAMETER SkipShim
    Builds the driver alone.

.EXAMPLE
    .\build.ps1

.EXAMPLE
    .\build.ps1 -Platform ARM64 -Configuration Debug -SkipShim

.NOTES
    SPDX-License-Identifier: Apache-2.0
#>
[CmdletBinding()]
param(
    [ValidateSet('x64', 'ARM64')][string]$Platform = 'x64',
    [ValidateSet('Release', 'Debug')][string]$Configuration = 'Release',
    [switch]$UseInstalledWdk,
    [switch]$SkipDriver,
    [switch]$SkipShim
)
. (Join-Path $PSScriptRoot 'common.ps1')

function Get-Vswhere {
    $path = Join-Path ${env:ProgramFiles(x86)} 'Microsoft Visual Studio\Installer\vswhere.exe'
    if (-not (Test-Path -LiteralPath $path)) {
        Stop-Script 'Visual Studio is not installed: its vswhere.exe is missing. Install Visual Studio 2022 with C++.'
    }
    return $path
}

# A 64-bit MSBuild: the WDK's own tasks have 64-bit parts.
function Find-MSBuild {
    $components = @('Component.Microsoft.Windows.DriverKit', 'Component.Microsoft.Windows.DriverKit.BuildTools')
    $found = @(& (Get-Vswhere) -latest -products '*' -requiresAny -requires $components `
            -find 'MSBuild\**\Bin\amd64\MSBuild.exe')
    if ($found.Count -eq 0) {
        Stop-Script ('No Visual Studio with the component "Windows Driver Kit" was found. ' +
            'Add it in the Visual Studio Installer, under individual components.')
    }
    return $found[0]
}

function Restore-Packages {
    $nuget = Get-Command -Name 'nuget.exe' -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1
    if ($null -eq $nuget) {
        Stop-Script 'nuget.exe is not on PATH. Get it with: winget install Microsoft.NuGet'
    }
    Write-Step 'Restoring the WDK and the SDK from NuGet'
    Invoke-Program $nuget.Source @('restore', (Join-Path $DriverDirectory 'packages.config'),
        '-PackagesDirectory', (Join-Path $DriverDirectory 'target\packages'), '-NonInteractive')
}

function Build-Driver {
    $msbuild = Find-MSBuild
    $properties = @("-p:Configuration=$Configuration", "-p:Platform=$Platform")
    if ($UseInstalledWdk) {
        $properties += '-p:UseInstalledWdk=true'
    } else {
        Restore-Packages
    }
    Write-Step "Building wskbridge.sys, $Platform $Configuration"
    $project = Join-Path $DriverDirectory 'wskbridge.vcxproj'
    Invoke-Program $msbuild (@($project, '-nologo', '-m', '-verbosity:minimal') + $properties)
    $output = Join-Path $DriverDirectory "target\$Platform\$Configuration"
    Write-Step 'Checking the INF'
    $inf = @(Get-ChildItem -LiteralPath $output -Recurse -Filter 'wskbridge.inf' -File)
    if ($inf.Count -eq 0) {
        Stop-Script "The build left no wskbridge.inf under $output."
    }
    Invoke-Program (Find-KitTool 'infverif.exe') @('/v', '/w', $inf[0].FullName)
    Write-Host "    $output\wskbridge.sys"
}

# The environment of a developer command prompt, without which Clang finds neither headers nor linker.
function Enter-DeveloperEnvironment {
    if ($env:VSCMD_VER) {
        return
    }
    $installation = @(& (Get-Vswhere) -latest -products '*' -property installationPath)
    if ($installation.Count -eq 0) {
        Stop-Script 'No Visual Studio was found.'
    }
    $batch = Join-Path $installation[0] 'Common7\Tools\VsDevCmd.bat'
    $lines = @(& $env:ComSpec /s /c "`"$batch`" -no_logo -arch=amd64 -host_arch=amd64 && set")
    if ($LASTEXITCODE -ne 0) {
        Stop-Script "$batch failed with exit code $LASTEXITCODE."
    }
    foreach ($line in $lines) {
        $name, $value = $line -split '=', 2
        if ($name -and $null -ne $value) {
            Set-Item -LiteralPath "env:$name" -Value $value
        }
    }
}

function Build-Shim {
    Enter-DeveloperEnvironment
    foreach ($tool in @('cmake', 'ninja', 'clang')) {
        if ($null -eq (Get-Command -Name "$tool.exe" -CommandType Application -ErrorAction SilentlyContinue)) {
            Stop-Script "$tool.exe is not on PATH. The Visual Studio Installer has it, under individual components."
        }
    }
    Write-Step 'Building wskshim.dll'
    Push-Location -LiteralPath (Join-Path $Root 'native-shim')
    try {
        Invoke-Program 'cmake.exe' @('--preset', 'windows')
        Invoke-Program 'cmake.exe' @('--build', '--preset', 'windows')
    } finally {
        Pop-Location
    }
}

if (-not $SkipDriver) {
    Build-Driver
}
if (-not $SkipShim) {
    Build-Shim
}
