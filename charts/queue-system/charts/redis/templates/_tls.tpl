{{/* The Secret with tls.crt, tls.key and ca.crt; empty: Redis speaks no TLS. */}}
{{- define "redis.tlsSecretName" -}}
{{- if .Values.tls.enabled -}}
{{- default (printf "%s-tls" (include "redis.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* The certificate's data, as the Secret has it, in JSON: those that are there, else new ones of a CA
     made for them alone; the CA's key is kept nowhere. The same in all of one rendering. */}}
{{- define "redis.tlsData" -}}
{{- if not (hasKey .Values.tls "generated") -}}
{{- if not (include "redis.connected" .) -}}
{{- fail "redis: a certificate can be made and kept only where Helm speaks with the cluster. For `helm template` and GitOps make a Secret of your own with tls.crt, tls.key and ca.crt, and name it in redis.tls.existingSecret." -}}
{{- end -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "redis.tlsSecretName" .) | default dict -}}
{{- $_ := set .Values.tls "generated" (default (include "redis.newCertificate" . | fromJson) $found.data) -}}
{{- end -}}
{{- toJson .Values.tls.generated -}}
{{- end -}}

{{- define "redis.newCertificate" -}}
{{- $name := include "redis.fullname" . -}}
{{- $inNamespace := printf "%s.%s" $name .Release.Namespace -}}
{{- $names := list $name $inNamespace (printf "%s.svc" $inNamespace) (printf "%s.svc.cluster.local" $inNamespace) "localhost" -}}
{{- $authority := genCA (printf "%s-ca" $name) 3650 -}}
{{- $server := genSignedCert $name (list "127.0.0.1" "::1") $names 3650 $authority -}}
{{- dict "ca.crt" (b64enc $authority.Cert) "tls.crt" (b64enc $server.Cert) "tls.key" (b64enc $server.Key) | toJson -}}
{{- end -}}
