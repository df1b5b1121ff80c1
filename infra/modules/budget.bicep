// The budget of the resource group. It warns; nothing is stopped by it. What stops is maxNodes.
@description('Required. What names are made of.')
param name string

@description('Required. Amount a month, in the currency of the bill.')
param amount int

@description('Required. First day of a month, as 2026-11-01.')
param startDate string

@description('Required. Who is told; empty: the owners of the subscription.')
param email string

var receivers = empty(email) ? { contactEmails: [], contactRoles: ['Owner'] } : { contactEmails: [email], contactRoles: [] }

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: {
      eighty: union(receivers, { enabled: true, operator: 'GreaterThanOrEqualTo', threshold: 80, thresholdType: 'Actual' })
      hundred: union(receivers, { enabled: true, operator: 'GreaterThanOrEqualTo', threshold: 100, thresholdType: 'Actual' })
      forecast: union(receivers, { enabled: true, operator: 'GreaterThanOrEqualTo', threshold: 100, thresholdType: 'Forecasted' })
    }
  }
}
