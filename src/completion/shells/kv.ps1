# Completion of kv for PowerShell: kv completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName kv -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object {
    if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
    elseif ($_ -is [System.Management.Automation.Language.VariableExpressionAst]) { [string](Get-Variable -ValueOnly -ErrorAction Ignore $_.VariablePath.UserPath) }
    else { $_.Extent.Text }
  })
  $word = [string]$wordToComplete
  # A quote that is open or closed already.
  $word = $word -replace "^(['""])(.*?)\1?$", '$2'
  $sent = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes(($words + $word) -join "`0"))
  $answer = kv completion powershell -- $sent 2>$null | Out-String | ConvertFrom-Json
  foreach ($item in $answer) {
    [System.Management.Automation.CompletionResult]::new($item.text, $item.label, 'ParameterValue', $item.note)
  }
}
