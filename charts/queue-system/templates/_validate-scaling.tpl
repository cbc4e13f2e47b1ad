{{/* What of scaling cannot work, as a JSON list of sentences. */}}
{{- define "queue-system.wrongScaling" -}}
{{- $wrong := list -}}
{{- $mode := include "queue-system.workerScaling" . -}}
{{- with .Values.worker.autoscaling -}}
{{- if and (eq $mode "hpa") (lt (int .minReplicas) 1) -}}
{{- $wrong = append $wrong "worker.autoscaling.minReplicas=0 needs KEDA, and worker.autoscaling.mode=keda or auto: a HorizontalPodAutoscaler has no CPU to look at without a pod." -}}
{{- end -}}
{{- if and (ne .mode "none") (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- $wrong = append $wrong "worker.autoscaling.minReplicas is above worker.autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}
{{- with .Values.api.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- $wrong = append $wrong "api.autoscaling.minReplicas is above api.autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}
{{- $scaled := dict "worker" (eq $mode "hpa") "api" .Values.api.autoscaling.enabled -}}
{{- $without := dict "worker" "worker.autoscaling.mode=none" "api" "api.autoscaling.enabled=false" -}}
{{- range $component, $yes := $scaled -}}
{{- $resources := (get $.Values $component).resources | default dict -}}
{{- /* Kubernetes takes a limit for a request that is not there. */}}
{{- if and $yes (not (($resources.requests).cpu)) (not (($resources.limits).cpu)) -}}
{{- $wrong = append $wrong (printf "%s.resources.requests.cpu is needed: its HorizontalPodAutoscaler scales on a percentage of it. Set it, or %s." $component (get $without $component)) -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}

{{/* What of times cannot work, as a JSON list of sentences. */}}
{{- define "queue-system.wrongTimes" -}}
{{- $wrong := list -}}
{{- $start := toDate "2006-01-02" "2000-01-01" -}}
{{- with .Values.metrics.serviceMonitor -}}
{{- if and .scrapeTimeout ((mustDateModify (default "0s" .scrapeTimeout) $start).After (mustDateModify .interval $start)) -}}
{{- $wrong = append $wrong "metrics.serviceMonitor.scrapeTimeout is above metrics.serviceMonitor.interval: Prometheus refuses such a scrape." -}}
{{- end -}}
{{- end -}}
{{- if (mustDateModify .Values.queue.resultFullTTL $start).After (mustDateModify "24h" $start) -}}
{{- $wrong = append $wrong "queue.resultFullTTL is above 24h, the most that API and worker take." -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end -}}
