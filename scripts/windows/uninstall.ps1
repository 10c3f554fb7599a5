<#
.SYNOPSIS
    Stops the driver and removes it from this machine.

.DESCRIPTION
    Undoes what install.ps1 did, with the INF or bare.

    A driver stays loaded as long as a program has its device open. The service then says STOP_PENDING, nothing can open the
    device any more, and the driver goes when the last handle is closed. After that it still waits until Winsock Kernel has
    closed every socket. This script waits for some time, says so, and goes on with removing; what is loaded then goes at the
    latest when the machine restarts.

.PARAMETER TimeoutSeconds
    How long to wait for the driver to be unloaded.

.PARAMETER DistrustCertificate
    Removes the test certificate from this machine's trusted roots and publishers.

.EXAMPLE
    .\uninstall.ps1 -DistrustCertificate

.NOTES
    SPDX-License-Identifier: Apache-2.0
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 3600)][int]$TimeoutSeconds = 30,
    [switch]$DistrustCertificate
)
. (Join-Path $PSScriptRoot 'common.ps1')

function Stop-Driver {
    if (-not (Test-DriverLoaded)) {
        return
    }
    Write-Step 'Stopping the driver'
    & sc.exe stop $ServiceName | Out-Host
    $deadline = (Get-Date).AddSeconds($TimeoutSeconds)
    while ((Test-DriverLoaded) -and (Get-Date) -lt $deadline) {
        Start-Sleep -Milliseconds 250
    }
    if (Test-DriverLoaded) {
        Write-Warning ("The driver is still loaded after $TimeoutSeconds seconds. A program has $DevicePath open, or " +
            'Winsock Kernel has not closed all sockets yet. End the programs that use it, Java ones among them. ' +
            'It is unloaded when the last handle is closed, at the latest when the machine restarts.')
    }
}

# Names like oem12.inf under which the driver store keeps the package.
function Get-PublishedInf {
    return @(Get-WindowsDriver -Online |
            Where-Object { (Split-Path -Leaf $_.OriginalFileName) -eq 'wskbridge.inf' } |
            ForEach-Object { $_.Driver })
}

function Remove-Package {
    foreach ($inf in Get-PublishedInf) {
        Write-Step "Removing $inf from the driver store"
        & pnputil.exe /delete-driver $inf /uninstall | Out-Host
        if ($LASTEXITCODE -eq 3010) {
            Write-Warning 'The machine has to be restarted to finish this.'
        } elseif ($LASTEXITCODE -ne 0) {
            Stop-Script "pnputil failed with exit code $LASTEXITCODE."
        }
    }
}

function Remove-BareService {
    if ($null -eq (Get-DriverService)) {
        return
    }
    Write-Step "Deleting the service $ServiceName"
    & sc.exe delete $ServiceName | Out-Host
    if ($LASTEXITCODE -eq 1072) {
        Write-Warning 'The service was marked for deletion before. It goes when its last handle is closed.'
    } elseif ($LASTEXITCODE -ne 0) {
        Stop-Script "sc.exe failed with exit code $LASTEXITCODE."
    }
}

function Remove-BareFile {
    $file = Join-Path $env:SystemRoot 'System32\drivers\wskbridge.sys'
    if (Test-Path -LiteralPath $file) {
        Write-Step "Deleting $file"
        Remove-Item -LiteralPath $file -Force
    }
}

function Remove-Trust {
    foreach ($store in @('Root', 'TrustedPublisher')) {
        Get-ChildItem -Path "Cert:\LocalMachine\$store" | Where-Object { $_.Subject -eq 'CN=wskbridge test' } |
            ForEach-Object {
                Write-Step "Distrusting $($_.Thumbprint): LocalMachine\$store"
                Remove-Item -LiteralPath $_.PSPath
            }
    }
}

Assert-Administrator
Stop-Driver
Remove-Package
Remove-BareService
Remove-BareFile
if ($DistrustCertificate) {
    Remove-Trust
}
Write-Step 'Done'
