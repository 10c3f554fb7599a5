<#
.SYNOPSIS
    Installs the driver on this machine, starts it, and checks that its device opens.

.DESCRIPTION
    Takes the package that sign.ps1 made, or the driver that came with the release. On Windows 10 1903 and later the INF is
    installed with pnputil, and Windows keeps the driver in its driver store. With -Bare, and that is the way for older
    versions and for a driver without a catalog, the service is made by sc.exe and points to a copy of the .sys under
    System32\drivers.

    The driver starts on demand: after a restart of the machine, sc.exe start WskBridge loads it again.

.PARAMETER Package
    The folder with wskbridge.sys, wskbridge.inf and wskbridge.cat. By default what sign.ps1 made for this platform; in a
    release for which sign.ps1 made nothing its folder driver, or driver\arm64 on ARM64, which has no catalog and is for
    -Bare.

.PARAMETER Bare
    Makes the service without the INF.

.PARAMETER TrustCertificate
    Puts the package's test certificate, wskbridge-test.cer, into this machine's stores of trusted roots and publishers.
    This machine then trusts whatever is signed with it. For test machines only; uninstall.ps1 -DistrustCertificate undoes it.

.PARAMETER DoNotStart
    Leaves the driver unloaded.

.EXAMPLE
    .\install.ps1 -TrustCertificate

.EXAMPLE
    .\install.ps1 -Bare -Package D:\wskbridge

.NOTES
    SPDX-License-Identifier: Apache-2.0
#>
[CmdletBinding()]
param(
    [string]$Package,
    [switch]$Bare,
    [switch]$TrustCertificate,
    [switch]$DoNotStart
)
. (Join-Path $PSScriptRoot 'common.ps1')

$FirstBuildWithPrimitiveDrivers = 18362

function Get-Platform {
    if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64' -or $env:PROCESSOR_ARCHITEW6432 -eq 'ARM64') {
        return 'ARM64'
    }
    return 'x64'
}

# The boot options of the running system; the text that bcdedit prints depends on the language of Windows.
function Test-TestSigning {
    $control = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control' -Name 'SystemStartOptions'
    return $control.SystemStartOptions -match '\bTESTSIGNING\b'
}

function Test-SecureBoot {
    try {
        return [bool](Confirm-SecureBootUEFI)
    } catch {
        return $false # no UEFI
    }
}

function Write-SigningHints([string]$Path) {
    $signature = Get-AuthenticodeSignature -LiteralPath $Path
    if ($signature.Status -eq 'NotSigned') {
        Write-Warning "$Path has no signature. 64-bit Windows loads no such driver; sign.ps1 signs it for testing."
    }
    if (-not (Test-TestSigning)) {
        Write-Warning ('Test signing is off. A driver with a test signature will not load. ' +
            'As administrator: bcdedit /set testsigning on, then restart.')
        if (Test-SecureBoot) {
            Write-Warning 'Secure Boot is on, and bcdedit refuses that step until it is off in the firmware.'
        }
    }
}

function Add-Trust {
    $file = Join-Path $Package 'wskbridge-test.cer'
    if (-not (Test-Path -LiteralPath $file)) {
        Stop-Script ("There is no $file to trust. sign.ps1 puts it there when it signs with the test certificate, and " +
            'a release that was signed for testing has it.')
    }
    foreach ($store in @('Root', 'TrustedPublisher')) {
        Write-Step "Trusting wskbridge-test.cer: LocalMachine\$store"
        $null = Import-Certificate -FilePath $file -CertStoreLocation "Cert:\LocalMachine\$store"
    }
}

function Install-Package {
    $inf = Join-Path $Package 'wskbridge.inf'
    foreach ($file in @($inf, (Join-Path $Package 'wskbridge.cat'))) {
        if (-not (Test-Path -LiteralPath $file)) {
            Stop-Script "There is no $file. Run sign.ps1, or install the .sys alone with -Bare."
        }
    }
    if ([Environment]::OSVersion.Version.Build -lt $FirstBuildWithPrimitiveDrivers) {
        Stop-Script 'This version of Windows is older than 1903 and knows no primitive drivers. Use -Bare.'
    }
    Write-Step 'Adding the package to the driver store'
    Invoke-Program 'pnputil.exe' @('/add-driver', $inf, '/install')
    if ($null -eq (Get-DriverService)) {
        Stop-Script ("pnputil succeeded, but there is no service $ServiceName. " +
            'See the end of C:\Windows\INF\setupapi.dev.log.')
    }
}

function Install-Bare {
    if ($null -ne (Get-DriverService)) {
        Stop-Script "The service $ServiceName exists already. Run uninstall.ps1 first."
    }
    $target = Join-Path $env:SystemRoot 'System32\drivers\wskbridge.sys'
    Write-Step "Copying the driver to $target"
    Copy-Item -LiteralPath (Join-Path $Package 'wskbridge.sys') -Destination $target -Force
    Write-Step "Making the service $ServiceName"
    Invoke-Program 'sc.exe' @('create', $ServiceName, 'type=', 'kernel', 'start=', 'demand', 'error=', 'normal',
        'binPath=', '\SystemRoot\System32\drivers\wskbridge.sys', 'DisplayName=', 'wskbridge')
}

function Start-Driver {
    Write-Step 'Starting the driver'
    & sc.exe start $ServiceName | Out-Host
    $code = $LASTEXITCODE
    if ($code -eq 0 -or $code -eq 1056) {
        return
    }
    $reasons = @{
        2    = 'The file that the service points to is missing.'
        5    = 'Access is denied.'
        31   = 'DriverEntry failed. The System event log may say more.'
        577  = 'Windows does not accept the signature: test signing is off, or the certificate is not trusted.'
        1058 = 'The service is disabled, or marked for deletion until the machine restarts.'
        1275 = 'A policy blocks the driver, memory integrity (HVCI) or code integrity among them.'
    }
    $reason = 'See: net helpmsg ' + $code
    if ($reasons.ContainsKey($code)) {
        $reason = $reasons[$code]
    }
    Stop-Script "The driver did not start: error $code. $reason"
}

# .NET refuses to open devices as files, so this calls CreateFile itself.
function Test-Device {
    if (-not ('Wskbridge.Device' -as [type])) {
        Add-Type -TypeDefinition @'
using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Wskbridge
{
    public static class Device
    {
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern SafeFileHandle CreateFileW(string name, uint access, uint share, IntPtr security,
                                                         uint disposition, uint flags, IntPtr template);

        public static int Open(string name)
        {
            using (SafeFileHandle handle = CreateFileW(name, 0xC0000000, 0, IntPtr.Zero, 3, 0x40000000, IntPtr.Zero))
            {
                return handle.IsInvalid ? Marshal.GetLastWin32Error() : 0;
            }
        }
    }
}
'@
    }
    return [Wskbridge.Device]::Open($DevicePath)
}

Assert-Administrator
if (-not $Package) {
    $Package = Get-PackageDirectory (Get-Platform)
    if ($IsRelease -and -not (Test-Path -LiteralPath $Package)) {
        $Package = Get-ReleaseDriverDirectory (Get-Platform)
    }
}
$driver = Join-Path $Package 'wskbridge.sys'
if (-not (Test-Path -LiteralPath $driver -PathType Leaf)) {
    Stop-Script "There is no $driver. Make it with sign.ps1, or name a folder with -Package."
}
if ($TrustCertificate) {
    Add-Trust
}
Write-SigningHints $driver
if ($Bare) {
    Install-Bare
} else {
    Install-Package
}
if (-not $DoNotStart) {
    Start-Driver
    $code = Test-Device
    if ($code -ne 0) {
        Stop-Script "The driver runs, but $DevicePath does not open: error $code. See: net helpmsg $code"
    }
    Write-Step "$DevicePath opens"
}
