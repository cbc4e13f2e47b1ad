{{/* What has to be generated in the cluster, because Helm cannot know whether it is there: a JSON list
     of Secret, key and kind. Empty if Helm reaches the cluster. */}}
{{- define "queue-system.missingSecrets" -}}
{{- $missing := list -}}
{{- if and .Values.redis.enabled (not .Values.redis.auth.existingSecret) -}}
{{- if not (include "redis.connected" .Subcharts.redis) -}}
{{- $missing = append $missing (dict "secret" (include "redis.secretName" .Subcharts.redis) "key" .Values.redis.auth.existingSecretPasswordKey "kind" "password") -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.enabled (not .Values.auth.existingSecret) (not (include "queue-system.connected" .)) -}}
{{- $missing = append $missing (dict "secret" (include "queue-system.authSecret" .) "key" .Values.auth.existingSecretRootKeyKey "kind" "root-key") -}}
{{- end -}}
{{- with .Values.dashboard -}}
{{- if and .enabled (not .existingSecret) (not (include "queue-system.connected" $)) -}}
{{- $missing = append $missing (dict "secret" (include "queue-system.dashboardSecret" $) "key" .existingSecretSessionKey "kind" "password") -}}
{{- end -}}
{{- end -}}
{{- toJson $missing -}}
{{- end -}}

{{- define "queue-system.secretsLabels" -}}
{{- include "queue-system.labels" (list . "secrets") -}}
{{- end -}}
